/* Says who it is: its hostname, over HTTP on TCP (8080) and as a datagram on UDP (8081). It is what the examples and
 * tests put behind a Service to see which pod answered. TCP_PORT and UDP_PORT change the ports.
 *
 * Called as `ask-udp ADDRESS PORT` it is the other side, which busybox lacks: it sends a datagram and prints the answer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char name[256];

static void end(int signal) { (void)signal; _exit(0); }

static int port(const char *variable, int otherwise) {
  const char *value = getenv(variable);
  return value ? atoi(value) : otherwise;
}

static int bound(int type, int number) {
  int fd = socket(AF_INET, type, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(number)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) { perror("bind"); exit(1); }
  return fd;
}

static void tell(const char *protocol, const struct sockaddr_in *from) {
  printf("%s %s:%d\n", protocol, inet_ntoa(from->sin_addr), ntohs(from->sin_port));
}

/* One request, one answer, in a process of its own: a client that says nothing holds up nobody and is given up. */
static void answer(int fd) {
  char request[4096], reply[512];
  struct timeval patience = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  size_t length = 0;
  ssize_t count;
  while (length < sizeof request - 1 && (count = read(fd, request + length, sizeof request - 1 - length)) > 0) {
    request[length += count] = 0;
    if (strstr(request, "\r\n\r\n") || strstr(request, "\n\n") || strncmp(request, "GET ", 4)) break;
  }
  int size = snprintf(reply, sizeof reply,
                      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
                      strlen(name) + 1, name);
  if (write(fd, reply, size) != size) _exit(1);
  shutdown(fd, SHUT_WR);
  _exit(0);
}

static int ask(const char *address, int number) {
  char reply[2048];
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct timeval patience = {.tv_sec = 2};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(number), .sin_addr.s_addr = inet_addr(address)};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 || send(fd, "?", 1, 0) < 0) { perror(address); return 1; }
  ssize_t count = recv(fd, reply, sizeof reply, 0);
  if (count < 0) { perror(address); return 1; }
  return fwrite(reply, 1, count, stdout) == (size_t)count ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc == 3) return ask(argv[1], atoi(argv[2]));
  gethostname(name, sizeof name - 1);
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGCHLD, SIG_IGN);
  int tcp_port = port("TCP_PORT", 8080), udp_port = port("UDP_PORT", 8081);
  int tcp = bound(SOCK_STREAM, tcp_port), udp = bound(SOCK_DGRAM, udp_port);
  if (listen(tcp, 512) < 0) { perror("listen"); return 1; }
  printf("%s answers on TCP %d and UDP %d\n", name, tcp_port, udp_port);

  struct pollfd sockets[] = {{.fd = tcp, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
  for (;;) {
    if (poll(sockets, 2, -1) < 0) continue;
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    if (sockets[0].revents) {
      int fd = accept(tcp, (struct sockaddr *)&from, &size);
      if (fd >= 0) {
        tell("TCP", &from);
        if (fork() == 0) answer(fd);
        close(fd);
      }
    }
    size = sizeof from;
    if (sockets[1].revents) {
      char datagram[2048];
      if (recvfrom(udp, datagram, sizeof datagram, 0, (struct sockaddr *)&from, &size) >= 0) {
        tell("UDP", &from);
        char reply[300];
        int length = snprintf(reply, sizeof reply, "%s\n", name);
        sendto(udp, reply, length, 0, (struct sockaddr *)&from, size);
      }
    }
  }
}

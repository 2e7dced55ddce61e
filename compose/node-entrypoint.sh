#!/bin/sh
# Makes the container a machine that a container engine can run in, then becomes the command that it is given.
#
# The kernel's switches and the control groups are mounted read-only in a container; they become writable here, for this
# container's own part of them. Nothing is left of an earlier life of the container but its volumes: /run is a tmpfs.
set -e

writable() {
  mount -o remount,bind,rw "$1" 2>/dev/null || mount -o remount,rw "$1" 2>/dev/null || true
}

writable /sys
writable /proc/sys

if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  # cgroup v2. A group that hands controllers on must have no process of its own, so everything moves into a leaf.
  writable /sys/fs/cgroup
  mkdir -p /sys/fs/cgroup/init
  while read -r process; do
    echo "$process" > /sys/fs/cgroup/init/cgroup.procs 2>/dev/null || true
  done < /sys/fs/cgroup/cgroup.procs
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
  done
else
  # cgroup v1: one mount for each controller.
  while read -r _ path type _; do
    if [ "$type" = cgroup ]; then writable "$path"; fi
  done < /proc/mounts
fi

exec "$@"

/** What everybody who speaks gRPC over HTTP/2 needs (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */

/** In front of each message: whether it is compressed, and its length. */
export const grpcPrefixBytes = 5;

/** The words of a `grpc-message`, which percent-encodes what a header cannot hold; as they are where that is broken. */
export function grpcMessageText(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

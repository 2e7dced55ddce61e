/**
 * Large answers in gzip for clients that ask for it, as Kubernetes' APIResponseCompression: from 128 KiB on, at the quickest
 * level. Compressing runs in libuv's threads, so other requests go on; an answer that is smaller costs one comparison.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzip } from 'node:zlib';

/** Smaller answers are sent as they are. */
export const gzipFromBytes = 128 * 1024;

const options = { level: 1 };

/** Whether the Accept-Encoding header of a request takes gzip (RFC 9110, 12.5.3). */
export function takesGzip({ headers }: IncomingMessage): boolean {
  const accepted = headers['accept-encoding'];
  return (
    typeof accepted === 'string' &&
    /(?:^|,)\s*gzip\s*(?:;\s*q=(?:0?\.0*[1-9]\d*|1(?:\.0*)?)\s*)?(?:,|$)/i.test(accepted)
  );
}

/** Sends bytes with their headers in gzip, or as they are where compressing fails. */
export function sendGzip(
  response: ServerResponse,
  code: number,
  headers: Record<string, string | number>,
  bytes: Buffer,
): void {
  gzip(bytes, options, (error, compressed) => {
    // The request's time may have been over meanwhile, or its client gone.
    if (response.headersSent || response.destroyed) return;
    if (!error) {
      response.setHeader('Content-Encoding', 'gzip');
      response.appendHeader('Vary', 'Accept-Encoding');
    }
    const content = error ? bytes : compressed;
    response.writeHead(code, { ...headers, 'Content-Length': content.length });
    response.end(content);
  });
}

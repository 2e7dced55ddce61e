/**
 * SPDY/3.1's header blocks (draft-mbelshe-httpbis-spdy-00, section 2.6.10): names and values with their lengths, compressed over the
 * whole connection, so that blocks must be read and written in their order.
 */
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';

export type Headers = Readonly<Record<string, string>>;

/** The dictionary that both sides start from: words with their lengths, then plain text. */
const words =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow ' +
  'authorization cache-control connection content-base content-encoding content-language content-length ' +
  'content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie ' +
  'keep-alive origin';
const text =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505' +
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden' +
  '404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug ' +
  'Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,' +
  'application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch' +
  'charset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

export const dictionary: Buffer = Buffer.concat([
  ...words.split(' ').map((word) => withLength(word.replace('_', ' '))),
  Buffer.from(text),
]);

/** Reads the blocks of one side of a connection. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary }).on('error', told);

  /** Rejects when the block is damaged. One call at a time. */
  async read(block: Buffer): Promise<Headers> {
    const plain = await passThrough(this.#inflate, block);
    const headers: Record<string, string> = {};
    let at = 4;
    const next = (): string => {
      const end = at + 4 + plain.readUInt32BE(at);
      if (end > plain.length) throw new Error('a header block ends too early');
      const value = plain.toString('utf8', at + 4, end);
      at = end;
      return value;
    };
    for (let left = plain.readUInt32BE(0); left > 0; left -= 1) {
      const name = next();
      headers[name] = next();
    }
    return headers;
  }

  close(): void {
    this.#inflate.destroy();
  }
}

/** Writes the blocks of one side of a connection. */
export class HeaderWriter {
  readonly #deflate: Deflate = createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH }).on('error', told);

  /** One call at a time. */
  async write(headers: Headers): Promise<Buffer> {
    const entries = Object.entries(headers);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(entries.length);
    const plain = Buffer.concat([count, ...entries.flatMap(([name, value]) => [withLength(name), withLength(value)])]);
    return await passThrough(this.#deflate, plain);
  }

  close(): void {
    this.#deflate.destroy();
  }
}

/** Whoever reads or writes is told by a rejection. */
const told = (): void => {};

/** What comes out of the transformation for these bytes; both flush after each write. */
function passThrough(transform: Inflate | Deflate, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer): void => void chunks.push(chunk);
    const settle = (error?: Error | null): void => {
      transform.off('data', take);
      transform.off('error', settle);
      if (error) reject(error);
      else resolve(Buffer.concat(chunks));
    };
    transform.on('data', take);
    transform.once('error', settle);
    transform.write(bytes, (error) => setImmediate(settle, error));
  });
}

function withLength(value: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(value));
  return Buffer.concat([length, Buffer.from(value)]);
}

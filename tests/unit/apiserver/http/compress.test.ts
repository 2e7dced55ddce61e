import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { gzipFromBytes } from '../../../../master/apiserver/http/compress.ts';
import { sendBytes } from '../../../../master/apiserver/http/respond.ts';
import { serve } from './support.ts';

const large = Buffer.alloc(gzipFromBytes, 'abcdefgh');
const small = large.subarray(1);

/** The answer as it is on the wire. */
async function ask(t: ExecutionContext, bytes: Buffer, acceptEncoding?: string) {
  const url = await serve(t, new Map([['/x', ({ response }) => sendBytes(response, 200, 'application/json', bytes)]]));
  const { promise, resolve, reject } = Promise.withResolvers<{ encoding: string | undefined; body: Buffer }>();
  const headers = acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding };
  const asked = request(`${url}/x`, { headers }, async (answer) => {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    t.is(Number(answer.headers['content-length']), body.length);
    t.is(answer.headers['content-type'], 'application/json');
    resolve({ encoding: answer.headers['content-encoding'], body });
  });
  asked.on('error', reject).end();
  return promise;
}

test('a large answer is compressed for who asks for gzip', async (t) => {
  for (const header of ['gzip', 'deflate, gzip;q=0.5', 'gzip, br']) {
    const { encoding, body } = await ask(t, large, header);
    t.is(encoding, 'gzip');
    t.true(gunzipSync(body).equals(large));
  }
});

test('nothing is compressed for who does not ask, and no small answer', async (t) => {
  for (const header of [undefined, 'identity', 'gzip;q=0', 'x-gzip', 'br']) {
    t.is((await ask(t, large, header)).encoding, undefined, header);
  }
  t.is((await ask(t, small, 'gzip')).encoding, undefined);
});

/** Asks a process how it is, with nothing but Node's own: a health check must start quickly. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** What is wrong there; undefined when the answer is 200. Certificates are not
 * checked: it is for processes on this machine. */
export function troubleAt(url: string, timeoutMs: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const options = { agent: false as const, rejectUnauthorized: false, signal: AbortSignal.timeout(timeoutMs) };
  const asked = url.startsWith('https:') ? httpsRequest(url, options) : httpRequest(url, options);
  asked.on('response', (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    answer.on('end', () => resolve(answer.statusCode === 200 ? undefined : `${answer.statusCode} ${text.trim()}`));
    answer.on('error', (error) => resolve(error.message));
  });
  asked.on('error', (error) => {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
    resolve(error.name === 'AbortError' || code === 'ABORT_ERR' ? `no answer within ${timeoutMs} ms` : code);
  });
  asked.end();
  return promise;
}

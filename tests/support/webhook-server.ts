/** An HTTPS server that API servers ask about objects, with an authority of its own, on loopback. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { createAuthority, issue } from '../../compose/certificates.ts';
import type { KubeObject } from '../../master/api/types.ts';

/** What a webhook is asked: `AdmissionReview.request`, as far as tests look at it. */
export interface Asked {
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly requestKind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly operation: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly subResource?: string;
  readonly dryRun: boolean;
  readonly userInfo: { readonly username: string };
  readonly object: (KubeObject & { data?: Record<string, string> }) | null;
  readonly oldObject: KubeObject | null;
  /** Of a ConversionReview. */
  readonly desiredAPIVersion?: string;
  readonly objects?: readonly (KubeObject & { spec?: Record<string, string> })[];
}

/** The response, but for its uid; `never` answers nothing at all, a number is an HTTP status. */
export type Answer = Readonly<Record<string, unknown>> | 'never' | number;

export class WebhookServer {
  /** PEM in base64, as `caBundle`. */
  readonly caBundle: string;
  readonly asked: { readonly path: string; readonly timeout: string | null; readonly request: Asked }[] = [];
  readonly #server: Server;
  readonly #answers = new Map<string, (asked: Asked) => Answer>();

  private constructor(server: Server, ca: string) {
    this.#server = server;
    this.caBundle = Buffer.from(ca).toString('base64');
    server.on('request', (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'https://localhost');
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      request.on('end', () => {
        const asked: Asked = JSON.parse(text).request;
        this.asked.push({ path: pathname, timeout: searchParams.get('timeout'), request: asked });
        const answer = this.#answers.get(pathname)?.(asked) ?? 404;
        if (answer === 'never') return;
        if (typeof answer === 'number') return response.writeHead(answer).end('broken');
        const review = {
          apiVersion: 'admission.k8s.io/v1',
          kind: 'AdmissionReview',
          response: { uid: asked.uid, ...answer },
        };
        return response.setHeader('content-type', 'application/json').end(JSON.stringify(review));
      });
    });
  }

  /** `names` are those of Services: the certificate is good for them, and it is reached at every address of this machine. */
  static async start(...names: string[]): Promise<WebhookServer> {
    const authority = await createAuthority('webhooks');
    const { cert, key } = await issue(authority, {
      commonName: 'webhook',
      names: ['127.0.0.1', ...names],
      usages: ['server'],
    });
    const server = createServer({ cert, key }).listen(0, names.length > 0 ? '0.0.0.0' : '127.0.0.1');
    await once(server, 'listening');
    return new WebhookServer(server, authority.cert);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a webhook server without a port');
    return address.port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** What is answered under a path. */
  answer(path: string, answer: (asked: Asked) => Answer): void {
    this.#answers.set(path, answer);
  }

  /** What was asked under a path. */
  askedOf(path: string): Asked[] {
    return this.asked.filter((call) => call.path === path).map(({ request }) => request);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Allowed, with a JSON patch. */
export const patched = (...operations: readonly Record<string, unknown>[]): Answer => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

/**
 * How a value is sealed with one key. The forms are Kubernetes' own, so that etcd's data can be read by either:
 * - aesgcm: a nonce of 12 bytes, the text, a tag of 16 bytes; the key in etcd is authenticated with it.
 * - aescbc: a vector of 16 bytes, the text with PKCS #7 padding. Nothing proves that it is whole: aesgcm is to be preferred.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export interface Cipher {
  /** `place` is the key in etcd. */
  seal(place: string, text: string): Buffer;
  /** Throws where the bytes were not sealed so, with this key and for this place. */
  open(place: string, sealed: Buffer): Buffer;
}

const nonceBytes = 12;
const tagBytes = 16;
const vectorBytes = 16;

export function aesGcm(secret: Buffer): Cipher {
  const algorithm = `aes-${bitsOf(secret)}-gcm` as const;
  return {
    seal(place, text) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, secret, nonce).setAAD(Buffer.from(place));
      return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    },
    open(place, sealed) {
      if (sealed.length < nonceBytes + tagBytes) throw new Error('the stored data was shorter than the required size');
      const nonce = sealed.subarray(0, nonceBytes);
      const tag = sealed.subarray(sealed.length - tagBytes);
      const decipher = createDecipheriv(algorithm, secret, nonce, { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(place)).setAuthTag(tag);
      const text = decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes));
      return Buffer.concat([text, decipher.final()]);
    },
  };
}

export function aesCbc(secret: Buffer): Cipher {
  const algorithm = `aes-${bitsOf(secret)}-cbc`;
  return {
    seal(_place, text) {
      const vector = randomBytes(vectorBytes);
      const cipher = createCipheriv(algorithm, secret, vector);
      return Buffer.concat([vector, cipher.update(text, 'utf8'), cipher.final()]);
    },
    open(_place, sealed) {
      const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, vectorBytes));
      return Buffer.concat([decipher.update(sealed.subarray(vectorBytes)), decipher.final()]);
    },
  };
}

function bitsOf(secret: Buffer): 128 | 192 | 256 {
  switch (secret.length) {
    case 16:
      return 128;
    case 24:
      return 192;
    case 32:
      return 256;
    default:
      throw new Error(`secret is not of the expected length, got ${secret.length}, expected one of [16 24 32]`);
  }
}

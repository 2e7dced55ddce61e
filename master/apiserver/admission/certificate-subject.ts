/** The organisations in the subject of a certificate request: the groups that its bearer would be in. */
import 'reflect-metadata';
import { PemConverter, Pkcs10CertificateRequest } from '@peculiar/x509';

/** `request` is PEM in base64. Empty for what is no request: validation says so. */
export function organizationsOf(request: string): string[] {
  try {
    const pem = Buffer.from(request, 'base64').toString('utf8');
    return new Pkcs10CertificateRequest(PemConverter.decodeFirst(pem)).subjectName.getField('O');
  } catch {
    return [];
  }
}

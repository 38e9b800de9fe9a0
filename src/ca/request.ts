import { KpkiError } from '../errors.js'
import { checkTree, decodeExtension } from './certificate/extensions.js'
import type {
  CertificateFacts,
  DecodedName,
  ExtensionFacts,
  PublicKeyFacts,
} from './certificate/facts.js'
import { decodeName } from './certificate/names.js'
import { derCursor, derError } from './der/der.js'
import { type CryptoEngine, runtimeEngine } from './engine.js'
import { readPublicKeyInfo } from './keys/public-key.js'
import { firstBlock, isDer } from './pem.js'

/** What a certificate signing request (PKCS#10, RFC 2986) says. */
export interface RequestFacts
  extends Pick<
    CertificateFacts,
    'altNames' | 'keyUsage' | 'extendedKeyUsage' | 'basicConstraints'
  > {
  readonly der: Uint8Array
  readonly subject: DecodedName
  readonly publicKey: PublicKeyFacts
  /** The request is signed by the key it holds. */
  readonly signatureValid: boolean
  readonly extensions: readonly ExtensionFacts[]
  readonly oddities: readonly string[]
}

const MAX_REQUEST = 1 << 18

/**
 * Reads a PKCS#10 request, PEM (`CERTIFICATE REQUEST` or `NEW CERTIFICATE REQUEST`) or DER, and
 * checks its signature with `engine`.
 *
 * @throws KpkiError `ERR_PEM_INVALID` or `ERR_DER_INVALID`
 */
export async function readRequest(
  input: string | Uint8Array,
  engine: CryptoEngine = runtimeEngine(),
): Promise<RequestFacts> {
  const der =
    typeof input !== 'string' && isDer(input)
      ? Uint8Array.from(input)
      : firstBlock(input, 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST').der
  if (der.length > MAX_REQUEST) throw derError('certificate request: larger than 256 KiB')
  // Strict DER and a bounded depth before a more lenient parser sees it.
  checkTree(derCursor(der), 'certificate request')
  try {
    return await parseRequest(engine, der)
  } catch (error) {
    if (error instanceof KpkiError) throw error
    throw derError('certificate request: malformed', error)
  }
}

async function parseRequest(engine: CryptoEngine, der: Uint8Array): Promise<RequestFacts> {
  // @peculiar/x509 does not load without this polyfill.
  await import('reflect-metadata')
  const { Pkcs10CertificateRequest } = await import('@peculiar/x509')
  const request = new Pkcs10CertificateRequest(Uint8Array.from(der))
  const decoded: { -readonly [K in keyof CertificateFacts]?: CertificateFacts[K] } = {}
  const oddities: string[] = []
  const extensions = request.extensions.map(({ type, critical, value }) => {
    const extension = { oid: type, critical, value: new Uint8Array(value) }
    decodeExtension(decoded, extension, oddities)
    return extension
  })
  return {
    der,
    subject: decodeName(new Uint8Array(request.subjectName.toArrayBuffer())),
    publicKey: readPublicKeyInfo(new Uint8Array(request.publicKey.rawData)),
    signatureValid: await request
      .verify(engine as Parameters<typeof request.verify>[0])
      .catch(() => false),
    extensions,
    oddities,
    ...decoded,
  }
}

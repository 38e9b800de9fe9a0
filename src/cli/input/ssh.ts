import { NODE_FOLDERS } from '../../audit/read/layouts.js'
import { KpkiError } from '../../errors.js'
import { redactor } from '../../provision/run/redact.js'
import { openSsh } from '../../provision/ssh/ssh.js'
import { type RunResult, type Transport, TransportError } from '../../provision/ssh/transport.js'
import { type Archive, readArchive } from './archives.js'

// Reads only. As root where sudo lets us in without a password, else as who we are.
const SCRIPT = [
  'cd / || exit 1',
  'if [ "$(id -u)" = 0 ]; then s=; elif sudo -n true 2>/dev/null; then s="sudo -n"; else s=; fi',
  `set --; for f in ${NODE_FOLDERS.join(' ')}; do if $s test -e "/$f"; then set -- "$@" "$f"; fi; done`,
  'if [ $# = 0 ]; then exit 3; fi',
  '$s tar -cf - -- "$@" | gzip -c | base64',
].join('\n')

const TIMEOUT = 120_000
const MAX_OUTPUT = 64 * 1024 * 1024

/** A host of `ssh://[user@]host[:port]`. */
export interface HostAddress {
  readonly host: string
  readonly user?: string
  readonly port?: number
}

/** @throws KpkiError `ERR_USAGE` when it is no such address. */
export function parseHostAddress(text: string): HostAddress {
  const match =
    /^ssh:\/\/(?:([A-Za-z0-9_.][\w.-]*)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][\w.-]*)(?::(\d{1,5}))?\/?$/i.exec(
      text,
    )
  const port = match?.[3] === undefined ? undefined : Number(match[3])
  if (match?.[2] === undefined || (port !== undefined && (port < 1 || port > 65535)))
    throw new KpkiError(
      'ERR_USAGE',
      `"${text}" is not an address such as ssh://root@10.0.0.5:22`,
      {},
      {
        hint: 'keys, jump hosts and the like come from ~/.ssh/config',
      },
    )
  return {
    host: match[2].replace(/^\[|\]$/g, ''),
    ...(match[1] === undefined ? {} : { user: match[1] }),
    ...(port === undefined ? {} : { port }),
  }
}

/**
 * Reads a node's certificates, kubeconfigs and manifests over OpenSSH. Nothing is written there.
 *
 * @throws KpkiError `ERR_REMOTE`, or `ERR_USAGE` for an address that is none.
 */
export async function readHost(
  text: string,
): Promise<{ readonly host: string; readonly archive: Archive }> {
  const address = parseHostAddress(text)
  const ssh = await openSsh()
  try {
    const transport = await ssh.connect({ name: address.host, hostKeys: [], ...address })
    return { host: address.host, archive: await readOver(transport, address.host) }
  } catch (cause) {
    if (!(cause instanceof TransportError)) throw cause
    const hint = cause.hint === undefined ? {} : { hint: cause.hint }
    throw remote(address.host, cause.message, { ...hint, cause })
  } finally {
    await ssh.close()
  }
}

/** The same over any transport. */
export async function readOver(transport: Transport, host: string): Promise<Archive> {
  const result = await transport.run(['sh', '-c', SCRIPT], {
    timeoutMs: TIMEOUT,
    maxOutput: MAX_OUTPUT,
  })
  if (result.exitCode === 3)
    throw remote(host, 'has no files of Kubernetes, or they cannot be seen', {
      hint: 'log in as root, or let the user run sudo without a password',
    })
  if (/permission denied/i.test(result.stderr))
    throw remote(host, `not everything may be read${firstLine(result)}`, {
      hint: 'log in as root, or let the user run sudo without a password',
    })
  if (result.stdout.trim() === '') throw remote(host, `sent nothing${firstLine(result)}`)
  const bytes = Buffer.from(result.stdout, 'base64')
  return readArchive(chunk(bytes), host)
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

const redact = redactor()

function firstLine({ stderr }: RunResult): string {
  const [line = ''] = redact(stderr).trim().split('\n')
  return line === '' ? '' : `: ${line.slice(0, 200)}`
}

function remote(
  host: string,
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): KpkiError {
  return new KpkiError('ERR_REMOTE', `${host}: ${message}`, { host }, options)
}

import { TransportError } from './transport.js'

/** One host as OpenSSH reaches it; what is not given comes from the user's ssh_config. */
export interface SshTarget {
  readonly name: string
  readonly host: string
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly identityFile?: string | undefined
  readonly proxyJump?: string | undefined
  /** Accepted host keys: `ssh-ed25519 AAAA…` or `SHA256:…`. Empty: the user's known_hosts decide. */
  readonly hostKeys: readonly string[]
}

export interface SshOptions {
  /** Handed to ssh as `-F`. */
  readonly configFile?: string | undefined
  /** Record keys of hosts that were never seen; a changed key still stops. */
  readonly acceptNewHostKeys?: boolean | undefined
  /** Milliseconds for a connection including login. */
  readonly connectTimeoutMs?: number
  readonly program?: string
}

/** Options of every ssh that is started for a host: nothing interactive, nothing forwarded. */
export function sshOptions(target: SshTarget, options: SshOptions, timeoutMs: number): string[] {
  const set = (name: string, value: string) => ['-o', `${name}=${value}`]
  return [
    ...(options.configFile ? ['-F', options.configFile] : []),
    ...set('BatchMode', 'yes'),
    ...set('ConnectTimeout', String(Math.ceil(timeoutMs / 1000))),
    ...set('ServerAliveInterval', '5'),
    ...set('ServerAliveCountMax', '3'),
    ...set('ForwardAgent', 'no'),
    ...set('ForwardX11', 'no'),
    ...set('ClearAllForwardings', 'yes'),
    ...set('PermitLocalCommand', 'no'),
    ...set('RemoteCommand', 'none'),
    ...set('LogLevel', 'ERROR'),
    '-T',
    ...(target.port === undefined ? [] : ['-p', String(target.port)]),
    ...(target.user === undefined ? [] : ['-l', target.user]),
    ...(target.identityFile === undefined
      ? []
      : ['-i', target.identityFile, ...set('IdentitiesOnly', 'yes')]),
    ...(target.proxyJump === undefined ? [] : ['-J', target.proxyJump]),
  ]
}

/** What ssh's own words say about a connection that did not come about. */
export function connectFault(stderr: string): TransportError {
  if (
    /host key verification failed|IDENTIFICATION HAS CHANGED|No .*host key is known/i.test(stderr)
  )
    return new TransportError('host-key', `host key verification failed${tail(stderr)}`)
  if (/permission denied|too many authentication failures/i.test(stderr))
    return new TransportError(
      'login',
      `login refused${tail(stderr)}`,
      'check ssh.user and ssh.identityFile, or the agent (ssh-add -l)',
    )
  if (
    /bad configuration option|no such file|bad permissions|not accessible|unprotected/i.test(stderr)
  )
    return new TransportError('login', `ssh refuses its configuration${tail(stderr)}`)
  return new TransportError('connect', `no connection${tail(stderr)}`)
}

export function tail(stderr: string): string {
  const lines = stderr.split(/\r?\n/).filter((line) => line.trim() !== '' && !/^@+/.test(line))
  return lines.length === 0 ? '' : `: ${lines.slice(-2).join('; ').slice(0, 400)}`
}

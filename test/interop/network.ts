import { execFileSync } from 'node:child_process'

/** Machines of a test's own: network namespaces joined by a bridge that no other namespace sees. */
export interface Network {
  /** Adds a machine with one address; the name of its namespace. */
  add(address: string): string
  [Symbol.dispose](): void
}

/** Whether namespaces can be made here. */
export function canMakeNetworks(): boolean {
  if (process.getuid?.() !== 0) return false
  const name = `kpki-try-${process.pid}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    return true
  } catch {
    return false
  }
}

let networks = 0

/** A network that lives until it is disposed of, whatever happens to its machines. Needs root. */
export function network(prefixLength: number): Network {
  const id = `kpki${process.pid}x${networks++}`
  const switchboard = `${id}-br`
  const names = [switchboard]
  const remove = () => {
    for (const name of names.splice(0)) {
      try {
        for (const pid of ip('netns', 'pids', name).split('\n').filter(Boolean))
          process.kill(Number(pid), 'SIGKILL')
        ip('netns', 'del', name)
      } catch {
        // gone already
      }
    }
  }
  process.once('exit', remove)
  ip('netns', 'add', switchboard)
  ip('-n', switchboard, 'link', 'add', 'bridge', 'type', 'bridge')
  ip('-n', switchboard, 'link', 'set', 'bridge', 'up')
  return {
    add(address) {
      const port = `m${names.length}`
      const name = `${id}-${port}`
      ip('netns', 'add', name)
      names.push(name)
      const peer = ['peer', 'name', 'eth0', 'netns', name]
      ip('-n', switchboard, 'link', 'add', port, 'type', 'veth', ...peer)
      ip('-n', switchboard, 'link', 'set', port, 'master', 'bridge', 'up')
      ip('-n', name, 'address', 'add', `${address}/${prefixLength}`, 'dev', 'eth0')
      for (const device of ['lo', 'eth0']) ip('-n', name, 'link', 'set', device, 'up')
      return name
    },
    [Symbol.dispose]() {
      process.off('exit', remove)
      remove()
    },
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { stdio: 'pipe', encoding: 'utf8' })
}

import disk, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename } from 'node:path'
import { vi } from 'vitest'

const NAMED = ['link', 'rename', 'rm', 'mkdir'] as const

/** The changes of the disk that `work` asks for, in order, by the last names of their paths: `rename .a.kpki-tmp a`. */
export async function recorded(work: () => Promise<unknown>): Promise<readonly string[]> {
  const calls: string[] = []
  const names = (args: readonly unknown[]) =>
    args.filter((arg) => typeof arg === 'string').map((path) => basename(path))
  const { open } = disk
  const spies = NAMED.map((name) => {
    const real = disk[name] as (...args: unknown[]) => Promise<unknown>
    return vi.spyOn(disk, name).mockImplementation(((...args: unknown[]) => {
      calls.push([name, ...names(args)].join(' '))
      return real(...args)
    }) as never)
  })
  const opening = vi.spyOn(disk, 'open').mockImplementation(async (...args) => {
    const handle: FileHandle = await open(...args)
    const sync = handle.sync.bind(handle)
    const [name] = names(args)
    if ((Number(args[1]) & disk.constants.O_CREAT) !== 0) calls.push(`open ${name}`)
    handle.sync = () => {
      calls.push(`sync ${name}`)
      return sync()
    }
    return handle
  })
  syncBuiltinESMExports()
  try {
    await work()
  } finally {
    for (const spy of [...spies, opening]) spy.mockRestore()
    syncBuiltinESMExports()
  }
  return calls
}

import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type ConfigFormat, convertConfig } from '../cluster/convert.js'
import { KpkiError } from '../errors.js'
import { issueLine } from './errors.js'
import { readInput } from './input.js'
import type { ExitCode, Io } from './io.js'
import type { ConvertOptions } from './verbs/convert.js'

const FORMATS: { readonly [F in ConvertOptions['to']]: ConfigFormat } = {
  v1beta3: 'kubeadm.k8s.io/v1beta3',
  v1beta4: 'kubeadm.k8s.io/v1beta4',
  cluster: 'kpki/v1alpha1',
}

const decoder = new TextDecoder()

/** Converts one configuration file. */
export async function runConvert(io: Io, file: string, options: ConvertOptions): Promise<ExitCode> {
  const source = decoder.decode(await readInput(io, file))
  const { text, warnings } = convertConfig(source, FORMATS[options.to])
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  if (options.out === undefined) io.out(text)
  else await writeNew(resolve(io.cwd, options.out), text)
  return 0
}

// Tokens can be in it: nobody else may read it.
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')
      throw new KpkiError(
        'ERR_FILE_UNSAFE',
        `${path} exists already`,
        { path },
        {
          cause,
          hint: 'it is not overwritten: choose another name, or remove it first',
        },
      )
    throw new KpkiError('ERR_WRITE_FAILED', `${path} could not be written`, { path }, { cause })
  }
}

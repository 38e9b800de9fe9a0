import { Command } from 'commander'
import type { Io } from '../io.js'

/** `kpki inspect`. */
export function inspectCommand(io: Io): Command {
  return new Command('inspect')
    .summary('decode certificates, requests, keys, kubeconfigs and whole trees')
    .description(
      'Says what certificates, chains, signing requests, keys, kubeconfigs and PKCS#7 or PKCS#12 files hold. Private keys are never printed.',
    )
    .argument('<FILE...>', 'files or folders (- reads standard input)')
    .option('--json', 'print the facts as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kpki inspect /etc/kubernetes/pki/apiserver.crt
  kpki inspect out/nodes/worker1
  kpki inspect --json admin.conf
`,
    )
    .action(async (files: readonly string[], options: { readonly json?: boolean }) => {
      const { runInspect } = await import('../inspect.js')
      io.exit(await runInspect(io, files, options.json === true))
    })
}

import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { BASE_CASE, clusterFileText, type InitAnswers, type InitNode } from '../../cluster/init.js'
import { isKpkiError, KpkiError } from '../../errors.js'
import { writeNewFile } from '../../files/disk.js'
import { parseCluster } from '../../generate/source.js'
import { RELEASES } from '../../releases/table.js'
import { describeError, type ExitCode, type Io } from '../io.js'

export interface InitOptions {
  readonly file: string
  readonly yes?: boolean
}

/** `kpki init`. */
export function initCommand(verb: Command, io: Io): Command {
  return verb
    .description(
      'Asks on a terminal what it needs and writes a commented cluster file. An existing file is never overwritten.',
    )
    .option('-f, --file <FILE>', 'file to write (- writes to standard output)', 'cluster.yaml')
    .option('-y, --yes', 'ask nothing: one control plane and two workers')
    .addHelpText(
      'after',
      `
Examples:
  kpki init                        asks, then writes cluster.yaml
  kpki init --yes -f - | less      the base case, to read
`,
    )
    .action(async (options: InitOptions) => {
      io.exit(await runInit(io, options))
    })
}

/** Writes a commented cluster file, from answers or the base case. */
export async function runInit(io: Io, options: InitOptions): Promise<ExitCode> {
  if (options.yes !== true && (!io.isTerminal || !process.stdin.isTTY))
    throw new KpkiError(
      'ERR_USAGE',
      'there is no terminal to ask on',
      {},
      { hint: '`kpki init --yes` writes the base case without asking' },
    )
  const answers = options.yes === true ? BASE_CASE : await ask(io)
  const text = clusterFileText(answers)
  if (options.file === '-') io.out(text, 'data')
  else {
    await writeNewFile(resolve(io.cwd, options.file), text, 0o644)
    io.err(`wrote ${options.file}; next: kpki gen -f ${options.file} -o out\n`)
  }
  return 0
}

async function ask(io: Io): Promise<InitAnswers> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const question = async (text: string, proposal: string): Promise<string> => {
    const answer = (await terminal.question(`${text} [${proposal}]: `)).trim()
    return answer === '' ? proposal : answer
  }
  try {
    for (;;) {
      const answers = await questions(question)
      const mistake = mistakesIn(answers)
      if (mistake === undefined) return answers
      io.err(`${mistake}once more, please:\n`)
    }
  } finally {
    terminal.close()
  }
}

type Question = (text: string, proposal: string) => Promise<string>

async function questions(question: Question): Promise<InitAnswers> {
  const name = await question('name of the cluster', 'my-cluster')
  const newest = RELEASES.at(-1)?.minor ?? BASE_CASE.kubernetesVersion
  const kubernetesVersion = await question('Kubernetes version', newest)
  const planes = await question('control planes, as name=address', 'controlplane=172.31.10.5')
  const workers = await question(
    'workers, as name=address (- for none)',
    'worker1=172.31.10.6 worker2=172.31.10.7',
  )
  const nodes = [...nodesOf(planes, 'control-plane'), ...nodesOf(workers, 'worker')]
  const several = nodes.filter(({ role }) => role === 'control-plane').length > 1
  const endpoint = several
    ? await question('control-plane endpoint, host:port', 'k8s.example.com:6443')
    : undefined
  return {
    ...BASE_CASE,
    name,
    kubernetesVersion,
    nodes,
    podSubnet: await question('subnet of pods', '10.244.0.0/16'),
    serviceSubnet: await question('subnet of services', '10.96.0.0/12'),
    sshUser: await question('login name on the machines', 'ubuntu'),
    ...(endpoint !== undefined && { controlPlaneEndpoint: endpoint }),
  }
}

function nodesOf(text: string, role: InitNode['role']): readonly InitNode[] {
  if (text === '-') return []
  return text.split(/[\s,]+/).map((pair) => {
    const [name = '', address = ''] = pair.split('=')
    return { name, role, address }
  })
}

function mistakesIn(answers: InitAnswers): string | undefined {
  try {
    parseCluster(clusterFileText(answers), { source: 'the answers' })
    return undefined
  } catch (error) {
    if (!isKpkiError(error)) throw error
    return describeError(error).text
  }
}

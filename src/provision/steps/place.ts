import type { Action } from '../action.js'
import type { StepContext } from '../context.js'
import { FINISH } from '../run/push.js'
import { filesToPush, foldersOf, planPush } from '../run/push-files.js'
import { secret } from '../run/remote.js'

/** Step 4: an interrupted generation first, then what differs. */
export function pushActions(context: StepContext): readonly Action[] {
  const { facts } = context
  const open = facts.values('unfinished')
  if (open.length > 0)
    return open.map((id) => ({
      kind: 'run',
      id: `finish-${id}`,
      about: `complete the interrupted push ${id}`,
      script: FINISH,
      args: [id],
      timeoutMs: 90_000,
    }))
  const { changes } = planPush(context)
  if (changes.length === 0) return []
  const configured = facts.value('flags') === 'yes' || facts.value('kubeletActive') === ''
  const count = (change: string) => changes.filter((each) => each.change === change).length
  const parts = [
    [count('create'), 'new'],
    [count('replace'), 'replaced'],
    [count('mode'), 'with other mode or owner'],
  ].filter(([number]) => number !== 0)
  return [
    // It would start half a control plane from the first files that appear.
    ...(configured
      ? []
      : [
          {
            kind: 'run',
            id: 'kubelet-waits',
            about: 'the kubelet waits until it is configured',
            script: 'systemctl stop kubelet 2>/dev/null; exit 0',
            args: [],
            timeoutMs: 60_000,
          } as const,
        ]),
    {
      kind: 'push',
      id: 'files',
      about: `${changes.length} files: ${parts.map(([number, what]) => `${number} ${what}`).join(', ')}`,
      changes,
      entries: secret(filesToPush(context)),
      folders: foldersOf(context, changes),
    },
  ]
}

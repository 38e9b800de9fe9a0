import { flagIsTrue } from '../command-line.js'
import type { Estate } from '../estate.js'
import type { Rule } from '../types.js'
import { API_SERVER_ITEMS } from './cis-apiserver.js'
import { type Item, is, isSet, lacks, local, PROFILING } from './cis-item.js'
import { launchesOf } from './facts-of-cluster.js'
import { aboutLaunch } from './manifests.js'
import { CIS, each, rule } from './row.js'

const manager = 'kube-controller-manager'

/** Sections 1.3, 1.4 and 2: controller manager, scheduler, etcd. */
const ITEMS: readonly Item[] = [
  {
    code: 'M43',
    id: 'cis-pod-gc-threshold',
    cis: '1.3.1',
    component: manager,
    wants: '--terminated-pod-gc-threshold',
    why: 'Dead pods fill etcd.',
    passes: isSet('terminated-pod-gc-threshold'),
    scored: false,
  },
  {
    code: 'M44',
    id: 'cis-manager-profiling',
    cis: '1.3.2',
    component: manager,
    wants: '--profiling=false',
    why: PROFILING,
    passes: is('profiling', 'false'),
    scored: true,
  },
  {
    code: 'M45',
    id: 'cis-service-account-credentials',
    cis: '1.3.3',
    component: manager,
    wants: '--use-service-account-credentials=true',
    why: 'All controllers share one identity with all their rights.',
    passes: (flags) => flagIsTrue(flags, 'use-service-account-credentials'),
    scored: true,
  },
  {
    code: 'M46',
    id: 'cis-manager-private-key',
    cis: '1.3.4',
    component: manager,
    wants: '--service-account-private-key-file',
    why: 'Token Secrets are not filled.',
    passes: isSet('service-account-private-key-file'),
    scored: true,
  },
  {
    code: 'M47',
    id: 'cis-rotate-serving',
    cis: '1.3.6',
    component: manager,
    wants: 'RotateKubeletServerCertificate not off',
    why: 'Kubelets cannot renew what they serve with.',
    passes: lacks('feature-gates', 'RotateKubeletServerCertificate=false'),
    scored: true,
  },
  {
    code: 'M48',
    id: 'cis-manager-bind-address',
    cis: '1.3.7',
    component: manager,
    wants: '--bind-address=127.0.0.1',
    why: 'Its metrics and health are for this machine only.',
    passes: local,
    scored: true,
  },
  {
    code: 'M49',
    id: 'cis-scheduler-profiling',
    cis: '1.4.1',
    component: 'kube-scheduler',
    wants: '--profiling=false',
    why: PROFILING,
    passes: is('profiling', 'false'),
    scored: true,
  },
  {
    code: 'M50',
    id: 'cis-scheduler-bind-address',
    cis: '1.4.2',
    component: 'kube-scheduler',
    wants: '--bind-address=127.0.0.1',
    why: 'Its metrics and health are for this machine only.',
    passes: local,
    scored: true,
  },
  {
    code: 'M51',
    id: 'cis-etcd-pair',
    cis: '2.1',
    component: 'etcd',
    wants: '--cert-file and --key-file',
    why: 'Clients reach etcd in clear text.',
    passes: (flags) => isSet('cert-file')(flags) && isSet('key-file')(flags),
    scored: true,
  },
  {
    code: 'M52',
    id: 'cis-etcd-peer-pair',
    cis: '2.4',
    component: 'etcd',
    wants: '--peer-cert-file and --peer-key-file',
    why: 'Members speak in clear text.',
    passes: (flags) => isSet('peer-cert-file')(flags) && isSet('peer-key-file')(flags),
    scored: true,
  },
]

export const CIS_FLAG_RULES: readonly Rule[] = [...API_SERVER_ITEMS, ...ITEMS].map((item) =>
  rule(item.code, item.id, item.scored ? 'M' : 'L', item.scored ? 'warning' : 'info', {
    title: `${item.component}: ${item.wants}`,
    citation: `CIS ${item.cis}`,
    why: item.why,
    fix: `change the command line of ${item.component}: ${item.wants}`,
    needs: 'manifests',
    profiles: CIS,
    check: each(
      (estate: Estate) => launchesOf(estate, item.component),
      (one) =>
        item.passes(one.launch.flags)
          ? undefined
          : aboutLaunch(one, `does not have what CIS ${item.cis} wants: ${item.wants}`),
    ),
  }),
)

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generated, type Lab, obstacle, openLab, watchArguments } from './lab.js'

const reason = obstacle()
if (reason) console.warn(`SKIPPED: the lab of three machines does not run here: ${reason}`)

const machines = ['controlplane', 'worker1', 'worker2'] as const
const minutes = 60_000
let lab: Lab
let common: readonly string[]

const apply = (more: readonly string[] = [], onLine?: Parameters<Lab['kpki']>[1]) =>
  lab.kpki(['provision', 'apply', '--yes', '--json', ...common, ...more], onLine)
const steps04 = ['--step', 'host,runtime,packages,push']
const stepOf = (line: string): { type?: string; host?: string; step?: string } => {
  try {
    return JSON.parse(line)
  } catch {
    return {}
  }
}
const report = (out: string) =>
  stepOf(out.trim().split('\n').at(-1) ?? '') as Record<string, unknown>

/** Files of a node that must stay as pushed: all but what kubeadm and the kubelet take over. */
function pushed(node: string): readonly string[] {
  const root = join(lab.folder, 'out/nodes', node)
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) =>
      statSync(join(root, path)).isFile() &&
      !/kubelet\.conf$|config\.yaml$|kubeadm-flags\.env$/.test(path),
  )
}
function expectPushed(): void {
  for (const node of machines)
    for (const path of pushed(node)) {
      const ours = readFileSync(join(lab.folder, 'out/nodes', node, path), 'utf8')
      expect(lab.inside(node, `cat '/${path}'`), `${node} /${path}`).toBe(ours)
      const mode = path.endsWith('.crt') ? '644' : '600'
      if (!path.startsWith('var/lib/kubelet/config'))
        expect(lab.inside(node, `stat -c '%a %U:%G' '/${path}'`), `${node} /${path}`).toBe(
          `${mode} root:root\n`,
        )
    }
}
const fresh = () => {
  lab.down()
  lab.up()
}

describe.runIf(reason === undefined)('three machines', () => {
  beforeAll(async () => {
    lab = openLab('kpkit')
    lab.up()
    const network = lab.real
      ? `  cni: { type: manifest, file: ${join(import.meta.dirname, 'cni.yaml')} }`
      : ''
    common = await generated(lab, 'out', `${network}\n  namespaces: [team-a]`)
  }, 5 * minutes)
  afterAll(() => lab?.down(), minutes)

  describe(
    'faults that are found before anything changes',
    () => {
      const refused = async (expected: RegExp, undo: () => unknown) => {
        const { code, out, err } = await apply(steps04)
        undo()
        expect(`${out}${err}`).toMatch(expected)
        expect(code).toBe(3)
        for (const machine of machines)
          expect(lab.inside(machine, 'ls /var/lib/kpki 2>/dev/null || echo none')).toBe('none\n')
      }
      it('a wrong host key', async () => {
        lab.inside(
          'worker1',
          'cp -a /etc/ssh /root/ssh; rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; systemctl restart ssh',
        )
        await refused(/worker1.*answers with another host key: .*SHA256:/, () =>
          lab.inside('worker1', 'cp -a /root/ssh/ssh_host_* /etc/ssh/; systemctl restart ssh'),
        )
      })
      it('a sudo that demands a password, an sshd that is down, a clock that is late: all at once', async () => {
        lab.inside('worker1', "echo 'ubuntu ALL=(ALL) ALL' >/etc/sudoers.d/ubuntu")
        lab.inside('worker2', 'systemctl stop ssh')
        const late =
          '#!/bin/sh\\nif [ "$1" = +%%s.%%N ]; then echo $(($(/bin/date +%%s) - 600)).0; else exec /bin/date "$@"; fi\\n'
        const date = '/usr/local/bin/date'
        lab.inside('controlplane', `printf '${late}' >${date}; chmod 755 ${date}`)
        const { code, out } = await apply(steps04)
        lab.inside('worker1', "echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ubuntu")
        lab.inside('worker2', 'systemctl start ssh')
        lab.inside('controlplane', `rm ${date}`)
        expect(code).toBe(3)
        expect(out).toMatch(/"host":"worker1".*sudo must work without one/)
        expect(out).toMatch(/"host":"worker2".*(refused|no connection)/)
        expect(out).toMatch(/"host":"controlplane".*the clock is (59|60)\d s behind/)
      })
      it('a foreign authority on a host', async () => {
        const file = '/etc/kubernetes/pki/ca.crt'
        lab.inside(
          'worker2',
          `mkdir -p /etc/kubernetes/pki; openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out ${file} -subj /CN=other 2>/dev/null; sha256sum ${file} >/root/sum`,
        )
        await refused(/worker2.*is another authority.*--replace-ca [0-9a-f]{64}/, () =>
          lab.inside('worker2', 'sha256sum -c /root/sum && rm -r /etc/kubernetes'),
        )
      })
      it('a login shell that answers garbage', async () => {
        const shell = '/usr/local/bin/garbage'
        const text = '#!/bin/sh\\nhead -c 1000000000 /dev/urandom\\n'
        lab.inside(
          'worker1',
          `printf '${text}' >${shell}; chmod 755 ${shell}; usermod -s ${shell} ubuntu`,
        )
        await refused(/worker1.*garbage/, () =>
          lab.inside('worker1', 'usermod -s /bin/bash ubuntu'),
        )
      })
    },
    3 * minutes,
  )

  it(
    'killed with -9 at every step, the next run goes on; the end is whole, and nothing leaked',
    async () => {
      const arguments_ = watchArguments()
      const killed: string[] = []
      let last = { code: 1, out: '', err: '' }
      for (let run = 0; run < 40; run++) {
        let now: string | undefined
        last = await apply([], (line, kill) => {
          const { type, host, step } = stepOf(line)
          if (type !== 'action' || now !== undefined || killed.includes(`${step}`)) return
          now = `${host} ${step}`
          killed.push(`${step}`)
          setTimeout(kill, 700)
        })
        if (now === undefined) break
      }
      expect(last.err).toBe('')
      expect(last.code).toBe(0)
      expectPushed()
      const argv = await arguments_()
      const second = await apply()
      expect(report(second.out)).toMatchObject({ ok: true, changed: [], failures: [] })
      const token =
        /token: (\S+)/.exec(
          readFileSync(join(lab.folder, 'out/nodes/worker1/etc/kubernetes/kubeadm.yaml'), 'utf8'),
        )?.[1] ?? 'none'
      const logs = readdirSync(join(lab.folder, 'out/log')).map((name) =>
        readFileSync(join(lab.folder, 'out/log', name), 'utf8'),
      )
      for (const text of [argv, last.out, last.err, ...logs]) {
        expect(text).not.toContain(token)
        expect(text).not.toMatch(/BEGIN [A-Z ]*PRIVATE KEY/)
      }
      for (const machine of machines) {
        const wide = lab.inside(
          machine,
          `find / -xdev -path /proc -prune -o -path /usr/share -prune -o -type f -perm /044 -size -64k -newer /etc/os-release -print0 2>/dev/null | xargs -0 grep -lE '${token}|BEGIN [A-Z ]*PRIVATE KEY-----' 2>/dev/null | grep -vE '^/(usr|opt|etc/ssh)/' || true`,
        )
        expect(wide, machine).toBe('')
        expect(lab.inside(machine, 'find /etc/kubernetes /var/lib/kubelet -name ".*kpki*"')).toBe(
          '',
        )
      }
    },
    20 * minutes,
  )

  it('the machines are as the steps say', () => {
    for (const machine of machines) {
      const said = lab.inside(
        machine,
        `hostname; apt-mark showhold | tr '\\n' ' '; echo; systemctl is-enabled kubelet containerd; ctr version >/dev/null && echo answers; wc -l </proc/swaps; grep -c '^[^#].*swap' /etc/fstab; sysctl -n net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables; grep -c 'SystemdCgroup = true' /etc/containerd/config.toml; grep -x '172.31.10.7 worker2' /etc/hosts; dpkg-query -W -f '\${Version}' kubelet`,
      )
      expect(said.split('\n')).toEqual([
        machine,
        'kubeadm kubectl kubelet ',
        'enabled',
        'enabled',
        'answers',
        '1',
        '0',
        '1',
        '1',
        '1',
        '172.31.10.7 worker2',
        '1.28.7-1.1',
      ])
    }
    expect(lab.inside('controlplane', 'stat -c "%a %U" /home/ubuntu/.kube/config')).toBe(
      '600 ubuntu\n',
    )
    expect(statSync(join(lab.folder, 'home/.kube/config')).mode & 0o777).toBe(0o600)
  })

  it.skipIf(process.env.KBIN !== undefined)(
    'kubeadm was asked once on each machine, with files and not with flags',
    () => {
      const calls = (machine: string) =>
        lab
          .inside(machine, "grep \"kubeadm 'init'\\|kubeadm 'join'\" /var/log/kubeadm-calls.log")
          .trim()
          .split('\n')
      const [init] = calls('controlplane')
      expect(init).toContain("'--config' '/etc/kubernetes/kubeadm.yaml'")
      expect(init).toContain('FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml')
      for (const worker of ['worker1', 'worker2'])
        expect(calls(worker)).toEqual([
          expect.stringMatching(
            /'--ignore-preflight-errors=FileAvailable--etc-kubernetes-pki-ca.crt'$/,
          ),
        ])
    },
  )

  it(
    'two operators: one works, the other is told',
    async () => {
      lab.inside('controlplane', 'rm /etc/sysctl.d/99-kpki.conf')
      const both = await Promise.all([apply(steps04), apply(steps04)])
      const codes = both.map(({ code }) => code).sort()
      expect([
        [0, 0],
        [0, 3],
      ]).toContainEqual(codes)
      if (codes[1] === 3)
        expect(both.map(({ err }) => err).join()).toMatch(/is in use by .*pid \d+/)
    },
    3 * minutes,
  )

  it(
    'a full disk while pushing loses nothing; then push and rollback',
    async () => {
      const file = '/etc/kubernetes/pki/ca.crt'
      lab.inside(
        'worker1',
        `chmod 600 ${file}; rm /var/lib/kubelet/pki/kubelet.key; mount -t tmpfs -o size=12k tmpfs /var/lib/kpki/generations`,
      )
      const full = await lab.kpki(['provision', 'push', '--yes', ...common, '--node', 'worker1'])
      expect(full.err).toMatch(/worker1: push: .*the disk is full/)
      expect(full.code).toBe(3)
      lab.inside(
        'worker1',
        `umount /var/lib/kpki/generations; [ "$(stat -c %a ${file})" = 600 ]; [ ! -e /var/lib/kubelet/pki/kubelet.key ]`,
      )
      expect(
        (await lab.kpki(['provision', 'push', '--yes', ...common, '--node', 'worker1'])).code,
      ).toBe(0)
      expectPushed()
      const back = await lab.kpki(['provision', 'rollback', ...common, '--node', 'worker1'])
      expect(back.out).toMatch(/worker1: removed \/var\/lib\/kubelet\/pki\/kubelet.key/)
      expect(
        (await lab.kpki(['provision', 'push', '--yes', ...common, '--node', 'worker1'])).code,
      ).toBe(0)
      expectPushed()
    },
    3 * minutes,
  )

  it(
    'connections cut at every step, and a reboot in the middle: one run gets through',
    async () => {
      fresh()
      const cut: string[] = []
      const timers: NodeJS.Timeout[] = []
      const ended = await apply([], (line) => {
        const { type, host, step } = stepOf(line)
        if (type !== 'action' || host === undefined || cut.includes(`${host} ${step}`)) return
        cut.push(`${host} ${step}`)
        const kill = "ps -eo pid,args | awk '/[s]shd: ubuntu/{print $1}' | xargs -r kill -9; true"
        timers.push(
          step === 'runtime' && host === 'worker1'
            ? setTimeout(() => lab.restart(host), 1_500)
            : setTimeout(() => lab.inside(host, kill), 400),
        )
      })
      for (const timer of timers) clearTimeout(timer)
      expect(ended.err).toBe('')
      expect(ended.code).toBe(0)
      expect(ended.out).toContain('"type":"retry"')
      expectPushed()
    },
    10 * minutes,
  )
})

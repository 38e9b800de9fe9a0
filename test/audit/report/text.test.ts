import { describe, expect, it } from 'vitest'
import { renderText } from '../../../src/audit/report/text.js'
import { badReport, finding, HOSTILE, hostileReport, sampleReport } from './sample.js'

describe('the text report', () => {
  const text = renderText(badReport())
  const lines = text.split('\n')

  it('says the verdict first', () => {
    expect(lines[0]).toBe('FAILED  1 errors, 1 warnings')
    expect(renderText(sampleReport())).toMatch(/^PASSED {2}/)
    const crashed = sampleReport({ crashed: [{ rule: 'x', code: 'K01', message: 'boom' }] })
    expect(renderText(crashed)).toMatch(/^INCOMPLETE {2}[\s\S]*K01 x: boom/)
  })

  it('lists findings by node and severity, each with its fix', () => {
    const controlplane = text.indexOf('\n  controlplane\n')
    const worker = text.indexOf('\n  worker1\n')
    expect(controlplane).toBeGreaterThan(0)
    expect(text.indexOf('error    S03 san-missing')).toBeGreaterThan(controlplane)
    expect(text.indexOf('info     K12')).toBeGreaterThan(text.indexOf('error    S03'))
    expect(text.indexOf('warning  V02 expires-soon')).toBeGreaterThan(worker)
    expect(text).toContain('fix: kpki gen -f cluster.yaml')
  })

  it('names edge, reason and remedy of a broken connection', () => {
    expect(text).toContain(
      'kube-apiserver/controlplane → etcd/controlplane https://10.0.0.5:2379: server certificate pki/etcd/server.crt has no SAN 10.0.0.5',
    )
    expect(text).toContain('Connections that go wrong: 2 of 3')
  })

  it('spells out what an open door gives', () => {
    expect(text).toContain(
      'is let in as user system:node:worker1, groups system:nodes: reads and writes everything in etcd',
    )
  })

  it('says which components do not start, what ends first, and what was not judged', () => {
    expect(text).toContain('etcd/controlplane: --cert-file names a file that is not there')
    expect(text).toMatch(/first to end +2026-12-04 +in 12 days/)
    expect(text).toContain('skipped because needs an earlier audit: R01')
    expect(text).toContain('waived until 2027-03-31: T09 kubelet-ca')
    expect(text).toContain('not recognised: notes.txt: no known layout has it')
  })

  it('folds one rule that a thousand nodes break', () => {
    const findings = Array.from({ length: 1000 }, (_, i) => finding({ node: `worker${i}` }))
    const folded = renderText(sampleReport({ findings }))
    expect(folded.split('\n').length).toBeLessThan(150)
    expect(folded).toContain('980 more like S03 san-missing')
    expect(renderText(sampleReport({ findings }), { verbose: true })).toContain('worker999')
  })

  it('has colours only when asked', () => {
    expect(text).not.toContain('\u001b')
    expect(renderText(badReport(), { colour: true })).toContain('\u001b[31m')
  })

  it('lets no value move the cursor or hide text', () => {
    const hostile = renderText(hostileReport())
    expect(HOSTILE).toContain('\u001b')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(hostile).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(hostile).not.toMatch(/^# x/m)
  })
})

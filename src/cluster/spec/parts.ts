import * as v from 'valibot'
import { parseDuration, parseGoDuration } from '../../values/time.js'

/** Text that has no further form to check here. */
export const text = (about: string) => v.pipe(v.string(), v.description(about))

export const flag = (about: string) => v.pipe(v.boolean(), v.description(about))

export const integer = (about: string) => v.pipe(v.number(), v.integer(), v.description(about))

const PORT = 'must be a port number\nwrite a number from 1 to 65535'

/** @param least 0 for kubeadm: in Go an absent number is 0, so it takes 0 for its default */
export const port = (about: string, least: 0 | 1 = 1) =>
  v.pipe(
    v.number(),
    v.integer(),
    v.minValue(least, PORT),
    v.maxValue(65535, PORT),
    v.description(about),
  )

export const texts = (about: string) => v.pipe(v.array(v.string()), v.description(about))

export const map = (about: string) => v.pipe(v.record(v.string(), v.string()), v.description(about))

/** Anything that another schema owns: passed through as it is. */
export const passed = (about: string) =>
  v.pipe(v.record(v.string(), v.unknown()), v.description(about))

export const oneOf = <const T extends readonly string[]>(values: T, about: string) =>
  v.pipe(v.picklist(values), v.description(about))

export const goDuration = (about: string) =>
  v.pipe(
    v.string(),
    v.check(
      (value) => parseGoDuration(value) !== undefined,
      'is not a duration of Go\nwrite hours, minutes and seconds, for example 8760h0m0s',
    ),
    v.description(about),
  )

export const duration = (about: string) =>
  v.pipe(
    v.string(),
    v.check(
      (value) => (parseDuration(value) ?? 0) > 0,
      'is not a duration\nwrite days, years or Go units, for example 365d, 10y or 8760h',
    ),
    v.description(`${about} Days (365d), years of 365 days (10y) or a Go duration (8760h).`),
    v.examples(['365d', '10y', '8760h']),
  )

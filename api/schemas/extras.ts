import { z } from 'zod'
import { widestCidrs } from '../../common/cidr.ts'
import { cidr } from './fields.ts'

/** Names as Hetzner takes them; those with our prefix say whose a thing is. */
const LABEL =
  /^(?!dbhost)(?:[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?\/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?$/
const MOST_LABELS = 50
const MOST_RULES = 20
const MOST_SOURCES = 100
const PORT_RULE = 'must be a whole number from 1 to 65535'

const rule = z.strictObject({
  /** Stands in the firewalls. */
  description: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$/, 'must be 1 to 60 letters, digits, spaces and . _ -'),
  port: z.number(PORT_RULE).refine((port) => Number.isInteger(port) && port > 0 && port < 65_536, PORT_RULE),
  sources: z.array(cidr).min(1).max(MOST_SOURCES).transform(widestCidrs),
})

const hasNoDoubles = (rules: { port: number }[]): boolean =>
  new Set(rules.map(({ port }) => port)).size === rules.length

export const extrasBody = z.strictObject({
  labels: z
    .record(
      z.string().regex(LABEL, 'must be a label of Hetzner Cloud that does not begin with dbhost'),
      z.string().regex(LABEL_VALUE, 'must be the value of a label of Hetzner Cloud'),
    )
    .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `must be at most ${MOST_LABELS}`)
    .default({}),
  rules: z.array(rule).max(MOST_RULES).refine(hasNoDoubles, 'must name each port once').default([]),
})

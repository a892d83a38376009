import { invalid } from './errors.ts'

export type Labels = Record<string, string>

type Term = (labels: Labels) => boolean

const KEY = '[-./_a-zA-Z0-9]+'
const VALUE = '[-._a-zA-Z0-9]*'
const PRESENCE = new RegExp(`^(!?)\\s*(${KEY})$`)
const EQUALITY = new RegExp(`^(${KEY})\\s*(==?|!=)\\s*(${VALUE})$`)
const MEMBERSHIP = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([-._a-zA-Z0-9\\s,]*)\\)$`)

function term(text: string): Term | undefined {
  const [, not, present] = PRESENCE.exec(text) ?? []
  if (present !== undefined) return (labels) => Object.hasOwn(labels, present) === (not === '')
  const [, key, operator, value] = EQUALITY.exec(text) ?? []
  // A label that is not there is unequal to every value.
  if (key !== undefined) return (labels) => (labels[key] === value) === (operator !== '!=')
  const [, of, member, list = ''] = MEMBERSHIP.exec(text) ?? []
  if (of === undefined) return undefined
  const values = list.split(',').map((one) => one.trim())
  return (labels) => values.includes(labels[of] ?? '\0') === (member === 'in')
}

/** A label selector as a question. Throws `invalid_input` of `field`. */
export function selecting(selector: string, field = 'label_selector'): Term {
  // Commas between parentheses belong to a list of values.
  const terms = selector.split(/,(?![^(]*\))/).map((text) => term(text.trim()))
  return (labels) =>
    terms.every((matches) => {
      if (!matches) throw invalid(field, 'is no label selector')
      return matches(labels)
    })
}

import { inspect } from 'node:util'

const PLACEHOLDER = '[secret]'

/** A value that must not be printed: every textual form is a placeholder, only `reveal()` gives the value. */
export class Secret<T = string> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The value itself. Call it only at the edge that hands the value over (a socket, a sealed column). */
  reveal(): T {
    return this.#value
  }

  toString(): string {
    return PLACEHOLDER
  }

  toJSON(): string {
    return PLACEHOLDER
  }

  [inspect.custom](): string {
    return PLACEHOLDER
  }
}

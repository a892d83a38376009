import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../common/errors.ts'

// sshd refuses the 11th (MaxSessions), it does not queue.
export const CHANNELS = 8

/** Lets at most 8 holders in at once; the others wait in the order in which they came. */
export class ChannelPlaces {
  #free = CHANNELS
  readonly #waiting: (() => void)[] = []

  async enter(): Promise<void> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free += 1
  }
}

/**
 * sshd gives a place back a moment after it has told us that a command ended, so it may refuse a channel that is
 * within its limit. A command that was refused a channel has not started.
 */
export async function whereChannelsAreFree<T>(start: () => Promise<T>): Promise<T> {
  for (let pause = 10; ; pause *= 2) {
    try {
      return await start()
    } catch (error) {
      if (pause > 500 || !/Channel open failure/.test(messageOf(error))) throw error
      await sleep(pause)
    }
  }
}

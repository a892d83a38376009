import { AppError, messageOf } from '../common/errors.ts'

const enteredAt = Number(process.env.DBHOST_ENTERED_AT ?? Date.now())

/** One line of progress with the time since the command began. */
export function say(text: string): void {
  console.log(`${((Date.now() - enteredAt) / 1000).toFixed(1).padStart(6)} s  ${text}`)
}

/** An end that the user can mend: one sentence that says what went wrong and what to do. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}

/** Runs a command to its end; what it throws is said in one sentence and ends the process with code 1. */
export async function runCommand(action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    console.error(messageOf(error))
    const meant = error instanceof Refusal || error instanceof AppError
    if (!meant && error instanceof Error) console.error(error.stack)
    process.exitCode = 1
  }
}

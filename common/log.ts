import pino from 'pino'

export type Logger = pino.Logger

/** Passwords in connection strings, wherever they stand in a text. */
function scrub(text: string): string {
  return text.replace(/(\w+:\/\/[^\s:/@]+:)[^\s@]+@/g, '$1[secret]@')
}

const serializeError = (error: unknown): unknown =>
  error instanceof Error
    ? { type: error.name, message: scrub(error.message), stack: scrub(error.stack ?? '') }
    : scrub(String(error))

/** One JSON line per event on standard output. Log chosen fields, never whole requests or rows. */
export function createLogger(program: string, level = 'info'): Logger {
  return pino({
    level,
    base: { program },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError, error: serializeError },
  })
}

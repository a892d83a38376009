import { StringDecoder } from 'node:string_decoder'

/** Cuts a stream of bytes into lines of text; a character may come in two pieces. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8')
  readonly #tell: (line: string) => void
  #rest = ''

  constructor(tell: (line: string) => void) {
    this.#tell = tell
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#tell(line)
  }

  /** Tells the last line where it has no line end. */
  end(): void {
    const rest = this.#rest + this.#decoder.end()
    this.#rest = ''
    if (rest !== '') this.#tell(rest)
  }
}

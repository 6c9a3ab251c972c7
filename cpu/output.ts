/** Lines that programs print (bpf_trace_printk), handed to whoever listens. */

/** `line` has no line end; `program` is the name of the one that printed it. */
export type OutputListener = (line: string, program: string) => void

export class Output {
  private readonly listeners: Set<OutputListener> = new Set()

  /** Returns what takes the listener away again. */
  on(listener: OutputListener): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  /** One line for each part of `text` that ends in a newline, and one for what is left. */
  print(text: string, program: string): void {
    const lines = text.split('\n')
    if (lines.at(-1) === '') lines.pop()
    for (const line of lines) {
      for (const listener of this.listeners) listener(line, program)
    }
  }
}

/**
 * Which of several CPUs comes first: a tournament, in which only the matches of a CPU whose time has changed are played
 * again. Of CPUs with the same time the one with the lowest number wins.
 *
 *             1
 *         2       3          node n: the winner of nodes 2n and 2n + 1
 *       4   5   6   7        the last row: the CPUs
 */
export class Earliest {
  private readonly time: Float64Array
  private readonly winners: Uint8Array
  private readonly leaves: number

  constructor(time: Float64Array) {
    this.time = time
    this.leaves = 2 ** Math.ceil(Math.log2(Math.max(2, time.length)))
    this.winners = new Uint8Array(2 * this.leaves)
    for (let leaf = 0; leaf < this.leaves; leaf++) this.winners[this.leaves + leaf] = Math.min(leaf, time.length - 1)
    for (let node = this.leaves - 1; node > 0; node--) this.play(node)
  }

  get cpu(): number {
    return this.winners[1]!
  }

  /** The CPU's time is another now. */
  update(cpu: number): void {
    for (let node = (this.leaves + cpu) >> 1; node > 0; node >>= 1) this.play(node)
  }

  private play(node: number): void {
    const { time, winners } = this
    const [first, second] = [winners[2 * node]!, winners[2 * node + 1]!]
    winners[node] = time[second]! < time[first]! ? second : first
  }
}

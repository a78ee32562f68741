import { type Happening, happeningOf } from './happenings'
import type { Change, SeenNode } from './treeStore'

interface Frame extends Change {
  at: number
}

/**
 * What the page has been told since it was opened, to look at again. Bounded: the oldest changes are
 * folded into the state that the rest begins with.
 */
export class Recording {
  readonly happenings: Happening[] = []
  private readonly base = new Map<string, SeenNode>()
  private readonly latest = new Map<string, SeenNode>()
  private readonly frames: Frame[] = []
  private nodesKept = 0
  private startsAt = 0

  constructor(
    private readonly framesMax = 2400,
    private readonly nodesMax = 50_000,
  ) {}

  get beginsAt(): number {
    return this.startsAt
  }

  get endsAt(): number {
    return this.frames.at(-1)?.at ?? this.startsAt
  }

  add(change: Change, at: number): void {
    if (this.latest.size === 0) return this.begin(change, at)
    if (change.changed.length === 0 && change.removed.length === 0) return
    this.note(change, at)
    apply(this.latest, change)
    this.frames.push({ ...change, at })
    this.nodesKept += change.changed.length
    while (this.frames.length > this.framesMax || this.nodesKept > this.nodesMax) this.fold()
  }

  /** The tree as it was at that moment, parents before children. */
  nodesAt(moment: number): SeenNode[] {
    const nodes = new Map(this.base)
    for (const frame of this.frames) {
      if (frame.at > moment) break
      apply(nodes, frame)
    }
    return [...nodes.values()]
  }

  /** When something was told after `moment`, or null at the end. */
  nextAfter(moment: number): number | null {
    return this.frames.find((frame) => frame.at > moment)?.at ?? null
  }

  private begin(change: Change, at: number): void {
    this.startsAt = at
    apply(this.base, change)
    apply(this.latest, change)
  }

  private note({ changed, removed }: Change, at: number): void {
    const found = [
      ...removed.map((path) => happeningOf(this.latest.get(path) ?? null, null, path, at)),
      ...changed.map((node) => happeningOf(this.latest.get(node.path) ?? null, node, node.path, at)),
    ]
    this.happenings.push(...found.filter((one) => one !== null))
  }

  private fold(): void {
    const oldest = this.frames.shift()
    if (oldest === undefined) return
    apply(this.base, oldest)
    this.nodesKept -= oldest.changed.length
    this.startsAt = oldest.at
    while (this.happenings[0] !== undefined && this.happenings[0].at <= oldest.at) this.happenings.shift()
  }
}

/** A known path keeps its place, a new one comes last: behind its siblings, and behind its parent. */
function apply(nodes: Map<string, SeenNode>, { changed, removed }: Change): void {
  for (const path of removed) nodes.delete(path)
  for (const node of changed) nodes.set(node.path, node)
}

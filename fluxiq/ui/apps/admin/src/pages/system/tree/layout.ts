import { hierarchy, tree } from 'd3-hierarchy'

export const ROW = 48
export const COLUMN = 266
export const MARK = { width: 214, height: 40 } as const

/** A node on the canvas: the left edge and the middle of its mark. */
export interface Place {
  path: string
  x: number
  y: number
  children: number
  /** All that is below it, drawn or not. */
  below: number
  isOpen: boolean
}

export interface Link {
  path: string
  line: string
}

export interface Drawing {
  places: Place[]
  links: Link[]
  width: number
  height: number
}

interface Shape {
  roots: () => readonly string[]
  childrenOf: (path: string) => readonly string[]
}

const FOREST = ''

/** Parents to the left of their children, level with the middle of them; what is closed hides its own. */
export function drawingOf(shape: Shape, isOpen: (path: string) => boolean): Drawing {
  const root = hierarchy<string>(FOREST, (path) => {
    if (path === FOREST) return [...shape.roots()]
    return isOpen(path) ? [...shape.childrenOf(path)] : []
  })
  const nodes = tree<string>()
    .nodeSize([ROW, COLUMN])
    .separation((one, other) => (one.parent === other.parent ? 1 : 1.3))(root)
    .descendants()
    .filter((node) => node.data !== FOREST)

  const top = Math.min(...nodes.map((node) => node.x), 0)
  const yOf = (node: { x: number }) => node.x - top + ROW / 2
  const xOf = (node: { y: number }) => node.y - COLUMN
  return {
    places: nodes.map((node) => ({
      path: node.data,
      x: xOf(node),
      y: yOf(node),
      children: shape.childrenOf(node.data).length,
      below: belowOf(shape, node.data),
      isOpen: isOpen(node.data),
    })),
    links: nodes
      .filter((node) => node.parent !== null && node.parent.data !== FOREST)
      .map((node) => ({ path: node.data, line: curve(xOf(node.parent!) + MARK.width, yOf(node.parent!), xOf(node), yOf(node)) })),
    width: Math.max(0, ...nodes.map(xOf)) + MARK.width,
    height: Math.max(0, ...nodes.map(yOf)) + ROW / 2,
  }
}

/** Every path above it, the nearest first. */
export function ancestorsOf(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, place) => parts.slice(0, parts.length - 1 - place).join('/'))
}

/** Rows of the list, and the order of the arrow keys. */
export function openPaths(shape: Shape, isOpen: (path: string) => boolean): { path: string; level: number; place: number; of: number }[] {
  const rows: { path: string; level: number; place: number; of: number }[] = []
  const walk = (siblings: readonly string[], level: number) =>
    siblings.forEach((path, index) => {
      rows.push({ path, level, place: index + 1, of: siblings.length })
      if (isOpen(path)) walk(shape.childrenOf(path), level + 1)
    })
  walk(shape.roots(), 1)
  return rows
}

function belowOf(shape: Shape, path: string): number {
  return shape.childrenOf(path).reduce((sum, child) => sum + 1 + belowOf(shape, child), 0)
}

function curve(x: number, y: number, toX: number, toY: number): string {
  const middle = (x + toX) / 2
  return `M${x} ${y}C${middle} ${y} ${middle} ${toY} ${toX} ${toY}`
}

import type uPlot from 'uplot'
import { resolved, toneOf, type SeriesTone } from './palette'
import { onAxis, type Unit } from './units'

export type LineSeries = { label: string; values: readonly (number | null)[]; tone?: SeriesTone; dashed?: boolean }
export type Moment = string | number | Date

/** Seconds since 1970, what the plot counts in. A number is taken to be just that. */
export function seconds(moment: Moment): number {
  return typeof moment === 'number' ? moment : new Date(moment).getTime() / 1000
}

export function dataOf(times: readonly Moment[], series: readonly LineSeries[]): uPlot.AlignedData {
  const rows = series.map((one) => times.map((_, place) => one.values[place] ?? null))
  return [times.map(seconds), ...rows] as uPlot.AlignedData
}

type Look = { element: HTMLElement; width: number; height: number; unit: Unit; locale: string }

/** How the plot is drawn: colours of the theme as they are now, few lines, no legend of its own. */
export function optionsOf(series: readonly LineSeries[], look: Look): uPlot.Options {
  const colour = (token: string) => resolved(look.element, token)
  const [ink, line] = [colour('ink-soft'), colour('line')]
  const axis = { stroke: ink, font: '12px system-ui, sans-serif', grid: { stroke: line, width: 1 }, ticks: { show: false } }

  return {
    width: look.width,
    height: look.height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { y: { range: (_plot, low, high) => span(low, high) } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 32, incrs: TIME_STEPS, values: (_plot, splits) => timeLabels(splits, look.locale) },
      { ...axis, size: look.unit === 'money' ? 88 : 60, gap: 8, values: (_plot, splits) => splits.map((value) => onAxis(value, look.unit, look.locale)) },
    ],
    series: [{}, ...series.map((one, place) => lineOf(one, colour(toneOf(place, one.tone)), series.length === 1))],
  }
}

function lineOf(one: LineSeries, stroke: string, isAlone: boolean): uPlot.Series {
  return {
    label: one.label,
    stroke,
    width: 2,
    points: { show: false },
    ...(one.dashed ? { dash: [6, 4] } : {}),
    ...(isAlone ? { fill: `color-mix(in oklab, ${stroke} 12%, transparent)` } : {}),
  }
}

const ROOM_ABOVE = 1.1

/** Amounts and counts are seen from zero: a small change must not look like a large one. */
export function span(low: number | null, high: number | null): [number, number] {
  const bottom = Math.min(0, low ?? 0)
  const top = Math.max(0, high ?? 0)
  if (bottom === top) return [0, 1]
  return [bottom * ROOM_ABOVE, top * ROOM_ABOVE]
}

const MINUTE_SECONDS = 60
const HOUR_SECONDS = 3600
const DAY_SECONDS = 86_400

/** From one label to the next. Not below a second: two of the same would stand side by side. */
const TIME_STEPS = [
  ...[1, 5, 10, 15, 30],
  ...[1, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_SECONDS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_SECONDS),
  ...[1, 2, 5, 7, 14, 30, 60, 90, 365].map((days) => days * DAY_SECONDS),
]

const DAYS: Intl.DateTimeFormatOptions = { day: '2-digit', month: '2-digit' }
const MINUTES: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
const SECONDS: Intl.DateTimeFormatOptions = { ...MINUTES, second: '2-digit' }

/** Hours within a day or two, days beyond; seconds where two labels would say the same minute. */
export function timeLabels(splits: readonly number[], locale: string): string[] {
  const [first = 0, second = Infinity] = splits
  const isLong = (splits.at(-1) ?? 0) - first > 2 * DAY_SECONDS
  const isShort = second - first < MINUTE_SECONDS
  const format = new Intl.DateTimeFormat(locale, isLong ? DAYS : isShort ? SECONDS : MINUTES)
  return splits.map((split) => format.format(split * 1000))
}

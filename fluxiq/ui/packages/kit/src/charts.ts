/** Drawn numbers. Apart from the kit's entry, so that only pages with charts download the plot. */
export { default as KBars } from './charts/KBars.vue'
export { default as KDonut } from './charts/KDonut.vue'
export { default as KLineChart } from './charts/KLineChart.vue'
export { default as KSparkline } from './charts/KSparkline.vue'
export type { LineSeries, Moment } from './charts/line'
export type { SeriesTone } from './charts/palette'
export { inUnit, type Unit } from './charts/units'

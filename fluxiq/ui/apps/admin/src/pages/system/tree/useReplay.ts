import { useNow } from '@vueuse/core'
import { type ShallowRef, computed, onScopeDispose, shallowRef } from 'vue'
import type { Recording } from './recording'
import { TreeStore } from './treeStore'

const BEAT_MS = 250
/** So much of what was recorded passes in a beat: four times as fast as it happened. */
const STEP_MS = 1000
/** Where nothing happened for longer, the replay goes on just before something does. */
const IDLE_MS_MAX = 4000

/** Looking at a recording: where one is in it (null: at what is now), and the tree as it was then. */
export function useReplay(recording: Recording, ticks: Readonly<ShallowRef<number>>) {
  const moment = shallowRef<number | null>(null)
  const isPlaying = shallowRef(false)
  const tree = new TreeStore()
  let timer: ReturnType<typeof setInterval> | undefined
  let revision = 0

  const clock = useNow({ interval: 1000 })
  const bounds = computed(() => {
    void ticks.value
    // While one looks back, the line does not grow under the finger.
    const to = moment.value === null ? clock.value.getTime() : recording.endsAt
    return { from: recording.beginsAt, to: Math.max(to, recording.endsAt) }
  })
  const happenings = computed(() => {
    void ticks.value
    return [...recording.happenings]
  })

  function goTo(wanted: number): void {
    const { from, to } = bounds.value
    const at = Math.min(to, Math.max(from, wanted))
    revision += 1
    tree.hearAll({ revision, nodes: recording.nodesAt(at), closed_phases: [] }, at)
    moment.value = at
  }

  function play(): void {
    if (moment.value === null || moment.value >= recording.endsAt) goTo(bounds.value.from)
    isPlaying.value = true
    clearInterval(timer)
    timer = setInterval(step, BEAT_MS)
  }

  function step(): void {
    const at = moment.value ?? bounds.value.from
    const next = recording.nextAfter(at)
    if (next === null) return pause()
    goTo(next - at > IDLE_MS_MAX ? next - STEP_MS / 2 : at + STEP_MS)
  }

  function pause(): void {
    isPlaying.value = false
    clearInterval(timer)
  }

  function goLive(): void {
    pause()
    moment.value = null
  }

  onScopeDispose(pause)
  return { tree, moment, isPlaying, bounds, happenings, goTo, play, pause, goLive }
}

import { computed, inject, provide, useId, type ComputedRef, type InjectionKey } from 'vue'

/** What a field tells the control inside of it: whose it is, who describes it, whether it is wrong. */
export type FieldContext = {
  id: string
  describedBy: ComputedRef<string | undefined>
  invalid: ComputedRef<boolean>
  required: ComputedRef<boolean>
}

const FIELD: InjectionKey<FieldContext> = Symbol('field')

export function provideField(context: FieldContext) {
  provide(FIELD, context)
}

/** Props that a control takes when it stands in no field, or knows better. */
export type ControlProps = { id?: string; invalid?: boolean; required?: boolean; disabled?: boolean }

export function useControl(props: ControlProps) {
  const field = inject(FIELD, null)
  const own = useId()

  return {
    id: computed(() => props.id ?? field?.id ?? own),
    describedBy: computed(() => field?.describedBy.value),
    invalid: computed(() => props.invalid || field?.invalid.value || false),
    required: computed(() => props.required || field?.required.value || false),
  }
}

/** The look that all text controls share. */
export const CONTROL =
  'w-full min-h-11 rounded-lg border bg-surface px-3 text-base sm:text-sm text-ink placeholder:text-ink-soft/80 ' +
  'focus-visible:outline-2 focus-visible:outline-offset-0 focus-visible:outline-accent ' +
  'disabled:cursor-not-allowed disabled:opacity-60 [&[readonly]]:bg-raised'

export const edge = (invalid: boolean) => (invalid ? 'border-bad' : 'border-line-strong hover:border-ink-soft')

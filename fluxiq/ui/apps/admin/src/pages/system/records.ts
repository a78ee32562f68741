import type { components } from '@fluxiq/kit'

type Schemas = components['schemas']

export type BreakerMove = Schemas['BreakerMove']
export type Crash = Schemas['Crash']
export type CrashPage = Schemas['CrashPage']
export type Difference = Schemas['DifferenceShown']
export type DifferenceState = Schemas['DifferenceState']
export type Ledger = Schemas['Ledger']
export type Process = Schemas['Process']
export type ProcessEvent = Schemas['ProcessEvent']
export type ReconciliationRun = Schemas['ReconciliationRun']
export type TreeNode = Schemas['TreeNode']
export type Verification = Schemas['Verification']
export type Writer = Schemas['Writer']

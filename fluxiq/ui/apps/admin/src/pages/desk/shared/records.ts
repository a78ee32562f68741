import type { components } from '@fluxiq/kit'

type Schemas = components['schemas']

export type Approval = Schemas['Approval']
export type Certificate = Schemas['CertificateShown']
export type DeadLetter = Schemas['DeadLetterShown']
export type DeadLetterLine = Schemas['DeadLetterLine']
export type EndpointHealth = Schemas['EndpointHealth']
export type Hold = Schemas['HoldFinding']
export type Job = Schemas['JobShown']
export type JobLine = Schemas['JobLine']
export type JobState = Schemas['JobState']
export type ProviderLink = Schemas['ProviderLinkShown']
export type StreamConsumer = Schemas['StreamConsumer']
export type Verb = Schemas['Verb']

/** What names a deed, so that it is done once however often it is sent. */
export type DeedHeader = { 'Idempotency-Key': string }

import type { components } from '@fluxiq/kit'

type Schemas = components['schemas']

export type ApiKey = Schemas['ApiKey']
export type Attempt = Schemas['Attempt']
export type Delivery = Schemas['Delivery']
export type Endpoint = Schemas['Endpoint']
export type LoggedEvent = Schemas['LoggedEvent']
export type OpenApiKey = Schemas['OpenApiKey']
export type RequestLine = Schemas['Request']

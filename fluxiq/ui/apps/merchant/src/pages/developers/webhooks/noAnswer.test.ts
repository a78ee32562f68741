import { describe, expect, it } from 'vitest'
import { useNoAnswer } from './noAnswer'

const { sentenceOf } = useNoAnswer()

describe('a delivery without an answer', () => {
  it.each([
    ['nothing within 10 s', 'O seu sistema não respondeu em 10 s.'],
    ['all attempts to connect to 127.0.0.1:9 failed', 'Ninguém atendeu nesse endereço.'],
    ['[Errno 111] Connection refused', 'Ninguém atendeu nesse endereço.'],
    ['loja.example is at 10.0.0.7, which is not a public address', 'O endereço não é público: não enviamos para redes internas.'],
    ['[Errno -2] Name or service not known', 'Não encontramos o nome do servidor.'],
    ['[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate', 'A conexão segura (TLS) não pôde ser feita: confira o certificado do servidor.'],
    ['the connection broke: ', 'A conexão caiu antes da resposta inteira.'],
    ['the answer is not HTTP: invalid HTTP version', 'O que veio não é uma resposta HTTP.'],
  ])('is explained: %s', (error, said) => {
    expect(sentenceOf(error)).toBe(said)
  })

  it('that nobody foresaw is left to its own words', () => {
    expect(sentenceOf('a comet')).toBeNull()
  })
})

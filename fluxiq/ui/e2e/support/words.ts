// How the pages write what the API counts: in Portuguese, with the space of Intl that is none of ours.
const REAIS = new Intl.NumberFormat('pt-BR', { style: 'currency', currency: 'BRL' })

export function money(centavos: number): string {
  return REAIS.format(centavos / 100)
}

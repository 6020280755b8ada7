"""The facts of br-sp: Brazil, half of it the state of São Paulo, as its node serves them. Nobody here exists.

We know of no numbers that Brazil keeps free for fiction. The mobiles are of the right form and open with `90`, the landlines lie in
one block of a hundred for each area code.
"""

from deploy.places.languages import PORTUGUESE
from deploy.places.shapes import Country, Region, Speakers, cities, lines

BRAZIL = Country(
    code="BR",
    weight=100,
    speakers=(Speakers(language=PORTUGUESE, weight=1, locales=("pt_BR",), two_surnames=0.6),),
    cities=cities(
        """
        São Paulo | SP | 11450 | +55 11 2555-01## | 01###-0## 02###-0## 03###-0## 04###-0## 05###-0##
        Guarulhos | SP | 1290 | +55 11 2555-01## | 070##-0## 071##-0##
        Campinas | SP | 1140 | +55 19 2555-01## | 130##-0##
        Santo André | SP | 750 | +55 11 2555-01## | 090##-0## 091##-0##
        Osasco | SP | 740 | +55 11 2555-01## | 060##-0## 061##-0##
        Sorocaba | SP | 720 | +55 15 2555-01## | 180##-0##
        Ribeirão Preto | SP | 700 | +55 16 2555-01## | 140##-0##
        São José dos Campos | SP | 700 | +55 12 2555-01## | 122##-0##
        São José do Rio Preto | SP | 480 | +55 17 2555-01## | 150##-0##
        Santos | SP | 420 | +55 13 2555-01## | 110##-0##
        Bauru | SP | 380 | +55 14 2555-01## | 170##-0##
        Presidente Prudente | SP | 225 | +55 18 2555-01## | 190##-0##
        Rio de Janeiro | RJ | 3100 | +55 21 2555-01## | 20###-0## 21###-0## 22###-0##
        Niterói | RJ | 480 | +55 21 2555-01## | 240##-0## 242##-0##
        Belo Horizonte | MG | 1150 | +55 31 2555-01## | 30###-0## 31###-0##
        Uberlândia | MG | 350 | +55 34 2555-01## | 3840#-0##
        Juiz de Fora | MG | 270 | +55 32 2555-01## | 360##-0##
        Vitória | ES | 160 | +55 27 2555-01## | 290##-0##
        Curitiba | PR | 890 | +55 41 2555-01## | 80###-0## 81###-0## 82###-0##
        Londrina | PR | 280 | +55 43 2555-01## | 860##-0##
        Florianópolis | SC | 270 | +55 48 2555-01## | 880##-0##
        Joinville | SC | 310 | +55 47 2555-01## | 892##-0##
        Porto Alegre | RS | 670 | +55 51 2555-01## | 90###-0## 91###-0##
        Caxias do Sul | RS | 230 | +55 54 2555-01## | 950##-0##
        Brasília | DF | 1400 | +55 61 2555-01## | 70###-0## 71###-0##
        Goiânia | GO | 720 | +55 62 2555-01## | 740##-0## 741##-0##
        Salvador | BA | 1200 | +55 71 2555-01## | 40###-0## 41###-0## | America/Bahia
        Recife | PE | 740 | +55 81 2555-01## | 50###-0## 51###-0## | America/Recife
        Fortaleza | CE | 1210 | +55 85 2555-01## | 600##-0## 604##-0## 608##-0## | America/Fortaleza
        Natal | RN | 370 | +55 84 2555-01## | 590##-0## | America/Fortaleza
        João Pessoa | PB | 410 | +55 83 2555-01## | 580##-0## | America/Fortaleza
        São Luís | MA | 510 | +55 98 2555-01## | 650##-0## | America/Fortaleza
        Teresina | PI | 430 | +55 86 2555-01## | 640##-0## | America/Fortaleza
        Maceió | AL | 470 | +55 82 2555-01## | 570##-0## | America/Maceio
        Aracaju | SE | 300 | +55 79 2555-01## | 490##-0## | America/Maceio
        Belém | PA | 650 | +55 91 2555-01## | 660##-0## 666##-0## | America/Belem
        Macapá | AP | 220 | +55 96 2555-01## | 689##-0## | America/Belem
        Palmas | TO | 150 | +55 63 2555-01## | 770##-0## | America/Araguaina
        Manaus | AM | 1030 | +55 92 2555-01## | 690##-0## | America/Manaus
        Boa Vista | RR | 210 | +55 95 2555-01## | 693##-0## | America/Boa_Vista
        Porto Velho | RO | 230 | +55 69 2555-01## | 768##-0## | America/Porto_Velho
        Cuiabá | MT | 330 | +55 65 2555-01## | 780##-0## | America/Cuiaba
        Campo Grande | MS | 450 | +55 67 2555-01## | 790##-0## | America/Campo_Grande
        Rio Branco | AC | 180 | +55 68 2555-01## | 699##-0## | America/Rio_Branco
        """,
        time_zone="America/Sao_Paulo",
    ),
    mobiles=("+55 {area} 90###-####",),
    landline_share=0.3,
    mobile_share=0.95,
    streets=lines("""
        Rua das Flores
        Rua São João
        Avenida Brasil
        Rua Sete de Setembro
        Rua Quinze de Novembro
        Avenida Getúlio Vargas
        Rua Tiradentes
        Rua Santos Dumont
        Alameda dos Ipês
        Rua Rui Barbosa
        Travessa da Paz
        Avenida Paraná
        Rua Dom Pedro II
        Rua Castro Alves
        Rua das Acácias
        Rua Marechal Deodoro
    """),
    address="{street}, {number}",
    firms=(
        "{name} Ltda.",
        "{name} & {other} Ltda.",
        "{name} Comércio Ltda.",
        "{name} S.A.",
        "Grupo {name} S.A.",
        "{name} Serviços Ltda.",
    ),
)

BR_SP = Region(
    name="br-sp",
    currency="BRL",
    price_level=3.6,
    time_zone="America/Sao_Paulo",
    countries=(BRAZIL,),
    mail_domains=("example.net", "correio.example", "carta.example"),
    order_prefix="BR",
)

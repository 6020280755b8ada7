"""What people say in German, Dutch, French, Portuguese, English and Spanish. Every sentence here is made up; nobody said it."""

from deploy.places.shapes import Language, lines

GERMAN = Language(
    code="de",
    honorifics=("Frau", "Herr"),
    jobs=lines("""
        Geschäftsführung
        Leitung Einkauf
        Einkauf
        Office Management
        Leitung IT
        Buchhaltung
        Personalleitung
        Assistenz der Geschäftsleitung
        Projektleitung
        Facility Management
    """),
    notes=lines("""
        Bevorzugt Rückruf am Vormittag.
        Möchte vor dem Umzug im Frühjahr ein Angebot für sechs Arbeitsplätze.
        Lieferung bitte beim Nachbarn abgeben.
        Hat die Kaffeemaschine reklamiert, Ersatz war nach drei Tagen da.
        Fragt nach Ratenzahlung.
        Kommt auf Empfehlung einer Freundin.
    """),
    subjects=lines("""
        Angebot besprochen
        Rückfrage zur Lieferung
        Termin im Ausstellungsraum
        Rechnung erneut geschickt
        Wartung vereinbart
        Erinnerung an offenes Angebot
    """),
)
DUTCH = Language(
    code="nl",
    honorifics=("mevrouw", "de heer"),
    jobs=lines("""
        Directeur
        Hoofd inkoop
        Inkoper
        Officemanager
        Hoofd IT
        Boekhouding
        Projectleider
        Facilitair medewerker
    """),
    notes=lines("""
        Liever bellen na vijf uur.
        Wil een offerte voor de nieuwe vestiging.
        Levering graag op vrijdag.
        Vroeg of de stoel in het blauw te krijgen is.
    """),
    subjects=lines("""
        Offerte besproken
        Vraag over levering
        Afspraak in de showroom
        Factuur opnieuw gestuurd
        Onderhoud gepland
    """),
)
FRENCH = Language(
    code="fr",
    honorifics=("Mme", "M."),
    jobs=lines("""
        Directrice générale
        Responsable des achats
        Acheteur
        Office manager
        Responsable informatique
        Comptable
        Chef de projet
    """),
    notes=lines("""
        Préfère être jointe par courriel.
        Demande un devis pour dix postes de travail.
        Livraison au deuxième étage, sans ascenseur.
        A recommandé le service à une collègue.
    """),
    subjects=lines("""
        Devis présenté
        Question sur la livraison
        Visite du magasin
        Facture renvoyée
        Entretien planifié
    """),
)
PORTUGUESE = Language(
    code="pt",
    honorifics=("Sra.", "Sr."),
    jobs=lines("""
        Diretora administrativa
        Gerente de compras
        Comprador
        Coordenadora de escritório
        Gerente de TI
        Contador
        Analista financeira
        Gerente de projetos
        Recepcionista
    """),
    notes=lines("""
        Prefere contato pelo celular depois das 18h.
        Pediu orçamento para a nova sala de reuniões.
        Deixar a entrega com o porteiro.
        Trocou a cadeira por causa da cor.
        Veio por indicação da irmã.
        Quer parcelar em seis vezes.
    """),
    subjects=lines("""
        Orçamento apresentado
        Dúvida sobre a entrega
        Visita à loja
        Nota fiscal reenviada
        Manutenção agendada
        Lembrete de proposta em aberto
    """),
)
ENGLISH = Language(
    code="en",
    honorifics=("Ms.", "Mr."),
    jobs=lines("""
        Chief Executive Officer
        Head of Procurement
        Buyer
        Office Manager
        IT Director
        Accountant
        People Operations Lead
        Project Lead
        Facilities Coordinator
        Executive Assistant
    """),
    notes=lines("""
        Prefers a text before a call.
        Moving offices in the fall, wants a quote for twelve desks.
        Leave deliveries at the front desk.
        Returned a lamp that flickered, happy with the replacement.
        Asked about the service plan twice.
        Referred by a neighbor.
    """),
    subjects=lines("""
        Walked through the quote
        Question about delivery
        Showroom visit
        Invoice sent again
        Maintenance booked
        Reminder about the open quote
    """),
)
SPANISH = Language(
    code="es",
    honorifics=("Sra.", "Sr."),
    jobs=lines("""
        Directora general
        Jefe de compras
        Compradora
        Encargada de oficina
        Director de TI
        Contadora
        Jefe de proyecto
    """),
    notes=lines("""
        Prefiere que le escriban en español.
        Quiere una cotización para la sucursal nueva.
        Entregar por la tarde, por favor.
        Preguntó por el plan de servicio.
    """),
    subjects=lines("""
        Cotización presentada
        Pregunta sobre la entrega
        Visita a la sala de exhibición
        Factura enviada de nuevo
        Mantenimiento programado
    """),
)

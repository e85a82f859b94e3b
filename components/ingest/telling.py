"""Column names that tell of personal data, in a few European languages."""

import re
import unicodedata

_SPLIT = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

# What a name has to end in, its words put together. "phone_service" is about a service and
# "days_since_email" a number, so the end alone counts, and what the column holds is looked at too.
_TEXT = (
    # mail
    *("email", "emailaddress", "mail", "mailaddress", "emailadresse", "mailadresse", "courriel"),
    *("correo", "correoelectronico", "epost", "mailadres", "emailadres"),
    # names of persons
    *("firstname", "givenname", "forename", "lastname", "surname", "familyname", "middlename"),
    *("fullname", "maidenname", "vorname", "nachname", "familienname", "geburtsname", "prenom"),
    *("nomdefamille", "apellido", "apellidos", "cognome", "sobrenome", "apelido", "voornaam"),
    *("achternaam", "imie", "nazwisko", "fornamn", "efternamn", "fornavn", "etternavn"),
    # addresses
    *("address", "streetaddress", "homeaddress", "addressline1", "adresse", "anschrift", "street"),
    *("strasse", "direccion", "domicilio", "indirizzo", "endereco", "adres", "straat"),
    # accounts and networks
    *("iban", "bankaccount", "ipaddress", "ipaddr", "clientip", "remoteip", "userip"),
)
_DIGITS = (
    *("phone", "phonenumber", "phoneno", "telephone", "mobile", "mobilenumber", "cellphone"),
    *("telefon", "telefonnummer", "handy", "handynummer", "telefono", "telefone", "celular"),
    *("telefoonnummer", "msisdn", "faxnumber", "ssn", "socialsecuritynumber", "socialsecurity"),
    *("sozialversicherungsnummer", "steuerid", "nationalid", "nationalinsurancenumber"),
    *("personnummer", "codicefiscale", "numerosecu", "dni", "nif", "cpf", "bsn", "pesel"),
    *("passport", "passportnumber", "passportno", "reisepass", "passnummer", "passeport"),
    *("pasaporte", "passaporto", "driverslicense", "driverlicense", "drivinglicence"),
    *(
        "creditcard",
        "cardnumber",
        "creditcardnumber",
        "kreditkarte",
        "kartennummer",
        "accountnumber",
    ),
    *("birthdate", "dateofbirth", "birthday", "dob", "geburtsdatum", "geburtstag"),
    *("datedenaissance", "fechadenacimiento", "datadinascita", "datadenascimento"),
    *("geboortedatum", "dataurodzenia"),
)
# Names that tell only when they stand alone: "product_name" is no person's.
_ALONE_TEXT = ("name", "ip", "nom", "nombre", "nome", "naam")


def told_by(name: str) -> str:
    """Tells by a column's name what it may hold.

    Args:
        name: as in the source.

    Returns:
        `text` or `digits`, which its values have to be like as well; empty where it tells nothing.
    """
    words = _words(name)
    ends = {"".join(words[start:]) for start in range(len(words))}
    if ends & set(_TEXT) or "".join(words) in _ALONE_TEXT:
        return "text"
    return "digits" if ends & set(_DIGITS) else ""


def _words(name: str) -> list[str]:
    plain = name.replace("ß", "ss").replace("ł", "l").replace("Ł", "L")
    decomposed = unicodedata.normalize("NFKD", _CAMEL.sub(" ", plain))
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return [word for word in _SPLIT.split(letters.lower()) if word]

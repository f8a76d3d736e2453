"""Hold the schemas that WSDLs take for granted: they stand at famous addresses, and nobody keeps copies of them."""

_BUILT_IN = (
    *(
        "anyURI",
        "base64Binary",
        "boolean",
        "byte",
        "date",
        "dateTime",
        "decimal",
        "double",
        "duration",
        "ENTITY",
        "float",
        "gDay",
        "gMonth",
        "gMonthDay",
        "gYear",
    ),
    *(
        "gYearMonth",
        "hexBinary",
        "ID",
        "IDREF",
        "int",
        "integer",
        "language",
        "long",
        "Name",
        "NCName",
        "negativeInteger",
        "NMTOKEN",
        "nonNegativeInteger",
    ),
    *(
        "nonPositiveInteger",
        "normalizedString",
        "NOTATION",
        "positiveInteger",
        "QName",
        "short",
        "string",
        "time",
        "token",
        "unsignedByte",
    ),
    *("unsignedInt", "unsignedLong", "unsignedShort"),
)

_COMMON = '<xs:attribute name="id" type="xs:ID"/><xs:attribute name="href" type="xs:anyURI"/>'

_ENCODED_TYPES = "".join(
    f'<xs:complexType name="{name}"><xs:simpleContent><xs:extension base="xs:{name}">{_COMMON}</xs:extension>'
    f'</xs:simpleContent></xs:complexType><xs:element name="{name}" type="se:{name}" nillable="true"/>'
    for name in _BUILT_IN
)

# SOAP 1.1, section 5: what rpc/encoded messages are made of.
_SOAP_ENCODING = f"""
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:se="http://schemas.xmlsoap.org/soap/encoding/"
    targetNamespace="http://schemas.xmlsoap.org/soap/encoding/">
  <xs:simpleType name="arrayCoordinate"><xs:restriction base="xs:string"/></xs:simpleType>
  <xs:simpleType name="base64"><xs:restriction base="xs:base64Binary"/></xs:simpleType>
  <xs:attribute name="arrayType" type="xs:string"/>
  <xs:attribute name="offset" type="se:arrayCoordinate"/>
  <xs:attribute name="position" type="se:arrayCoordinate"/>
  <xs:attribute name="root" type="xs:boolean"/>
  <xs:attributeGroup name="commonAttributes">{_COMMON}</xs:attributeGroup>
  <xs:attributeGroup name="arrayAttributes">
    <xs:attribute ref="se:arrayType"/><xs:attribute ref="se:offset"/>
  </xs:attributeGroup>
  <xs:attributeGroup name="arrayMemberAttributes"><xs:attribute ref="se:position"/></xs:attributeGroup>
  <xs:group name="Array">
    <xs:sequence><xs:any minOccurs="0" maxOccurs="unbounded" processContents="lax"/></xs:sequence>
  </xs:group>
  <xs:group name="Struct">
    <xs:sequence><xs:any minOccurs="0" maxOccurs="unbounded" processContents="lax"/></xs:sequence>
  </xs:group>
  <xs:complexType name="Array">
    <xs:group ref="se:Array" minOccurs="0"/>
    <xs:attributeGroup ref="se:arrayAttributes"/><xs:attributeGroup ref="se:commonAttributes"/>
  </xs:complexType>
  <xs:complexType name="Struct">
    <xs:group ref="se:Struct" minOccurs="0"/><xs:attributeGroup ref="se:commonAttributes"/>
  </xs:complexType>
  <xs:element name="Array" type="se:Array"/>
  <xs:element name="Struct" type="se:Struct"/>
  {_ENCODED_TYPES}
</xs:schema>
"""

_XML = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">
  <xs:attribute name="lang" type="xs:string"/>
  <xs:attribute name="space" type="xs:string"/>
  <xs:attribute name="base" type="xs:anyURI"/>
  <xs:attribute name="id" type="xs:ID"/>
  <xs:attributeGroup name="specialAttrs">
    <xs:attribute ref="xml:lang"/><xs:attribute ref="xml:space"/>
    <xs:attribute ref="xml:base"/><xs:attribute ref="xml:id"/>
  </xs:attributeGroup>
</xs:schema>
"""

_BY_ADDRESS = {
    "schemas.xmlsoap.org/soap/encoding": _SOAP_ENCODING,
    "www.w3.org/2001/xml.xsd": _XML,
    "www.w3.org/2001/03/xml.xsd": _XML,
    "www.w3.org/XML/1998/namespace": _XML,
}


def well_known(address: str) -> bytes | None:
    """Give the schema that everybody knows by its address, if this is one."""
    text = _BY_ADDRESS.get(address.partition("://")[2].rstrip("/"))
    return text.encode() if text else None

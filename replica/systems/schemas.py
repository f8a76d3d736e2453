"""The schemas of the systems that speak GraphQL, each in its own words."""

HEALTH_SCHEMA = """
type Query { cases(first: Int!, after: String, changedSince: String): CaseConnection! }
type CaseConnection { totalCount: Int! edges: [CaseEdge!]! pageInfo: PageInfo! }
type CaseEdge { cursor: ID! node: Case! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
enum State { LOGGED TRIAGED REFUSED ROUTED INVESTIGATING BOUNCED ANSWERED REOPENED CLOSED ESCALATED }
enum Kind { ENQUIRY ASSISTANCE COMPLAINT ALLEGATION PROPOSAL PRAISE }
type Facility { name: String! level: String! }
type Caller { name: String! phone: String! }
type Coded { code: String! name: String! }
type Case {
  caseNumber: ID kind: Kind! subject: String! details: String! topic: String! state: State! facility: Facility!
  caller: Caller! district: Coded! address: String! handler: Coded! anonymous: Boolean! answer: String
  loggedAt: String! changedAt: String! dueAt: String!
}
"""

YOUTH_SCHEMA = """
type Query { records(filter: RecordFilter!): RecordPage! }
input RecordFilter { offset: Int! limit: Int! }
type RecordPage { total: Int! items: [Record!]! }
type Minor { nickname: String! age: Int! school: String! }
type Record {
  serial: String category: String! title: String! story: String! progress: Int! minor: Minor! areaCode: String!
  publicConsent: Boolean! unit: String! outcome: String createdOn: String! createdClock: String! updatedMs: Float!
}
"""

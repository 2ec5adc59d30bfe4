//! What each requirement means: for each family of Thales' products, for this server, and for whoever checks it.

use super::Requirement;

/// What is to be known of a requirement. All texts are sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// What Thales asks for, and why.
    pub asks: &'static str,
    /// What holds for each family of products; `None` = Thales says nothing of it there.
    pub families: Families,
    /// What this product does about it.
    pub answer: &'static str,
    /// The commands that check it or help with it, without `issuer-host` in front.
    pub commands: &'static [&'static str],
}

/// What holds for each family of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// xPay enablement (Token Service Hub): the products tsh, tsh-auxiliary, tsp and transit.
    pub xpay: Option<&'static str>,
    /// eCom (D1): the products d1 and d1-ecom.
    pub ecom: Option<&'static str>,
    /// Merchant tokenization: the product cof.
    pub merchant: Option<&'static str>,
}

impl Families {
    const fn same(text: &'static str) -> Self {
        Self { xpay: Some(text), ecom: Some(text), merchant: Some(text) }
    }

    /// The families by their names, in one order.
    #[must_use]
    pub const fn named(self) -> [(&'static str, Option<&'static str>); 3] {
        [("xPay (TSH)", self.xpay), ("eCom (D1)", self.ecom), ("merchant tokenization", self.merchant)]
    }
}

const CHECK: &str = "check";
const LIVE: &str = "check --live";

impl Requirement {
    /// What it means.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table, a row for each requirement")]
    pub const fn meaning(self) -> Meaning {
        match self {
            Self::O1 => Meaning {
                asks: "Both sides show a certificate on every connection. Without mutual TLS Thales does not connect at all.",
                families: Families::same("Always."),
                answer: "A client certificate is demanded in every handshake, and no setting turns that off. Each request asks again \
                         whether its connection is still admitted.",
                commands: &[CHECK, LIVE, "call"],
            },
            Self::O2 => Meaning {
                asks: "Connections use TLS 1.2 or a later version.",
                families: Families {
                    xpay: Some("1.2 or higher."),
                    ecom: Some("1.2 or 1.3."),
                    merchant: Some("1.2 or later."),
                },
                answer: "TLS 1.2 and 1.3 are spoken, with forward secrecy and authenticated encryption; older versions do not exist here.",
                commands: &[CHECK, LIVE],
            },
            Self::O3 => Meaning {
                asks: "Thales calls port 443; where that cannot be had, 8443.",
                families: Families::same("443 is preferred, 8443 is possible."),
                answer: "server.listen and each environment's listen, 8443 by default. Another port is a warning: a container's port \
                         mapping or a load balancer may bring 443 there.",
                commands: &[CHECK, LIVE],
            },
            Self::O4 => Meaning {
                asks: "ISSUER_HOST is reached over the internet. Thales' addresses change: no list of them, and no VPN.",
                families: Families::same("No list of addresses, no VPN."),
                answer: "Nobody is admitted or refused by an address; only unfinished handshakes are counted by it. Listeners on \
                         loopback alone and names for inside are warned of.",
                commands: &[CHECK, LIVE],
            },
            Self::O5 => Meaning {
                asks: "The server trusts the Thales Client CA, which is handed over at onboarding, and no other CA: whatever else it \
                       trusts can pose as Thales.",
                families: Families::same("From the portal, or handed over by hand."),
                answer: "client_ca is the only trust of an environment. A CA of the public web is refused, the sample CA too where \
                         others reach it; your own client certificate can be held against it.",
                commands: &[CHECK, "check --own-client-certificate", "crl"],
            },
            Self::O6 => Meaning {
                asks: "Thales' own (leaf) certificate is pinned nowhere: Thales changes it at any time before it ends, and tells nobody.",
                families: Families::same("Never pinned."),
                answer: "A leaf in client_ca is refused, and no setting takes a leaf, its key or its digest. client_subject knows names \
                         alone, which stay.",
                commands: &[CHECK, "call --rotate"],
            },
            Self::O7 => Meaning {
                asks: "In another way, on request, Thales makes a key pair and the customer's own CA signs its request: then this CA is \
                       what the server trusts.",
                families: Families { xpay: Some("On request, for a TSP."), ecom: None, merchant: None },
                answer: "Put that CA into client_ca. If it signs for others too, client_subject.allow names Thales' subject; the check \
                         tells when a client CA is one of your own chain.",
                commands: &["sign", "crl", CHECK],
            },
            Self::O8 => Meaning {
                asks: "Thales must trust the server's certificate: the customer hands over the chain of its CA, which Thales endorses, \
                       or pins.",
                families: Families {
                    xpay: Some("Through the portal, or by hand."),
                    ecom: Some("During onboarding."),
                    merchant: Some("Thales pins the chain."),
                },
                answer: "The chain must be whole, in order, and belong to its key; with endorsed_chain set it must lead to what Thales \
                         was given, at each reload too.",
                commands: &["chain", CHECK, LIVE],
            },
            Self::O9 => Meaning {
                asks: "The server's certificate comes from a CA that Mozilla recognises; for a private CA a trust store in PEM goes to \
                       Thales' delivery team.",
                families: Families { xpay: None, ecom: Some("Asked for."), merchant: None },
                answer: "The check builds the path to Mozilla's roots, and says when a trust store has to be sent. The certificate must \
                         cover host, by its subject alternative names.",
                commands: &["chain --trust-store", CHECK, LIVE],
            },
            Self::O10 => Meaning {
                asks: "Thales is told before the CA of the server's certificate changes; else its next call fails.",
                families: Families { xpay: None, ecom: Some("Asked for."), merchant: Some("Follows from the pin.") },
                answer: "endorsed_chain holds every new certificate against what Thales was given. CAs that end within 90 days and \
                         certificates that end within 30 are warned of.",
                commands: &[CHECK, "chain"],
            },
            Self::O11 => Meaning {
                asks: "Environments are isolated, and each is set up by itself.",
                families: Families {
                    xpay: Some("Pre-production and Production."),
                    ecom: Some("PreProd and Production."),
                    merchant: Some("Sandbox and Production."),
                },
                answer: "Each environment has its own trust, credential, host, sessions, backend and part of the inbox. The check looks \
                         for keys, secrets, CAs, backends and names that two of them share by mistake.",
                commands: &[CHECK],
            },
            Self::O12 => Meaning {
                asks: "Connectivity is set up for each customer identifier.",
                families: Families {
                    xpay: Some("Customer or actor id, issuer id; x-issuer-id has exactly 10 characters."),
                    ecom: Some("Issuer id, merchantGatewayId."),
                    merchant: Some("The customer's id."),
                },
                answer: "customer_id belongs to an environment, and issuer_ids lists the ids that calls may bear; others are refused.",
                commands: &[CHECK, "call"],
            },
            Self::O13 => Meaning {
                asks: "Beside its certificate Thales shows a second key.",
                families: Families {
                    xpay: None,
                    ecom: Some("OAuth 2.0, set up for each tenant."),
                    merchant: Some("An API key."),
                },
                answer: "api_keys and tokens of an environment, with several live at once. Without them the backend has to check what \
                         callers show, which an inbox does not hand on.",
                commands: &[CHECK, "call"],
            },
            Self::O14 => Meaning {
                asks: "One endpoint serves every API of a service: each call goes to ISSUER_HOST and the base path of its API.",
                families: Families::same("One host; the base path follows it."),
                answer: "One host for an environment, with the base paths of its products. Calls that no operation knows go to the \
                         backend, unless they are to be refused.",
                commands: &[CHECK, "call --all", "explain"],
            },
            Self::I1 => Meaning {
                asks: "The customer shows a client certificate that Thales has signed, or that it knows.",
                families: Families {
                    xpay: Some("The Thales CA signs the customer's request (CSR)."),
                    ecom: Some("The Thales CA signs the customer's request (CSR)."),
                    merchant: Some("Self-signed; Thales endorses it through the portal or by hand, and pins it."),
                },
                answer: "Requests and self-signed certificates are made to these rules, and what breaks one is refused.",
                commands: &["csr", "client-cert", "probe"],
            },
            Self::I2 => Meaning {
                asks: "Keys are of an accepted kind and strength, and signatures use SHA-256.",
                families: Families {
                    xpay: Some("RSA 4096 or ECDSA P-256."),
                    ecom: Some("RSA 4096 or ECDSA P-256; RSA 2048 is refused."),
                    merchant: Some("ECDSA P-256 or P-384 preferred, or RSA 2048."),
                },
                answer: "Keys are made to these rules, for their owner alone, and never overwritten.",
                commands: &["csr", "client-cert"],
            },
            Self::I3 => Meaning {
                asks: "The subject has the parts that Thales asks for.",
                families: Families {
                    xpay: Some("C, ST, L, O, OU and CN; O is the issuer's organisation, OU its unit."),
                    ecom: Some("C, ST, L, O, OU and CN."),
                    merchant: Some("The CN exactly as the portal gives it."),
                },
                answer: "A part that is missing or empty is refused before a key is made.",
                commands: &["csr", "client-cert"],
            },
            Self::I4 => Meaning {
                asks: "The common name has the pattern that Thales gives.",
                families: Families {
                    xpay: Some("TLSMA-RSA/<tspId>/TSH/TSP.<env> or TLSMA-ECDSA/<tspId>/TSH/TSP.<env>."),
                    ecom: Some(
                        "Starts with TLSMA-RSA/ or TLSMA-ECDSA/ and the <merchantGatewayId>; Thales tells how it goes on.",
                    ),
                    merchant: Some("Given for each environment."),
                },
                answer: "The name is made from the ids; a template can be given where Thales gave another one.",
                commands: &["csr", "client-cert"],
            },
            Self::I5 => Meaning {
                asks: "The common name ends with the code of the environment.",
                families: Families {
                    xpay: Some("PPR for pre-production, PRD for production."),
                    ecom: Some("PPR for pre-production, PRD for production."),
                    merchant: None,
                },
                answer: "The code is one of the two, and part of the name.",
                commands: &["csr"],
            },
            Self::I6 => Meaning {
                asks: "The certificate lives no longer than Thales accepts.",
                families: Families {
                    xpay: None,
                    ecom: Some("5 years, set by the Thales CA; a renewal is a new request with the same subject."),
                    merchant: Some("2 years at the most."),
                },
                answer: "A self-signed certificate that is to live longer is refused.",
                commands: &["client-cert"],
            },
            Self::I7 => Meaning {
                asks: "Calls go to Thales' hosts, another one for each stage.",
                families: Families {
                    xpay: Some("api.dbp-stg.thalescloud.io for pre-production, api.dbp.thalescloud.io for production."),
                    ecom: Some("api.d1-stg.thalescloud.io for pre-production, api.d1.thalescloud.io for production."),
                    merchant: Some(
                        "tmg.dbp-stg.thalescloud.io/1/sandbox-v2/ for the sandbox, tmg.dbp.thalescloud.io/1/mg/ for production.",
                    ),
                },
                answer: "The probe calls them; the check fails where an environment names a host of the other stage (O11).",
                commands: &["probe", CHECK],
            },
            Self::I8 => Meaning {
                asks: "Thales' server certificate comes from a CA that the customer has to trust.",
                families: Families {
                    xpay: None,
                    ecom: Some("Amazon Trust Services."),
                    merchant: Some("DigiCert SHA2 High Assurance Server CA."),
                },
                answer: "The probe shows the chain that is sent, and holds it against Mozilla's roots or a file of yours.",
                commands: &["probe"],
            },
            Self::I9 => Meaning {
                asks: "Thales' names are resolved for every connection; an address is written nowhere, and kept no longer than its \
                       record's TTL.",
                families: Families {
                    xpay: Some("No fixed addresses."),
                    ecom: Some("No fixed addresses."),
                    merchant: None,
                },
                answer: "The probe shows the addresses with their TTL, and keeps none beyond it.",
                commands: &["probe"],
            },
            Self::I10 => Meaning {
                asks: "Thales is reached over the internet: no list of its addresses in a firewall, and no VPN.",
                families: Families::same("No list of addresses, no VPN."),
                answer: "The probe tells what stands in the way: the name, the route, TLS or the certificate.",
                commands: &["probe"],
            },
        }
    }

    /// Whether it is about the calls that Thales makes (`O`), and not about those that it gets.
    #[must_use]
    pub fn is_outbound(self) -> bool {
        self <= Self::O14
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_asked_for_by_somebody_answered_and_checked() {
        for requirement in Requirement::ALL {
            let Meaning { asks, families, answer, commands } = requirement.meaning();
            assert!(asks.ends_with('.') && answer.ends_with('.'), "{requirement}");
            assert!(families.named().iter().any(|(_, text)| text.is_some()), "{requirement}");
            assert!(!commands.is_empty(), "{requirement}");
            let texts = families.named().into_iter().filter_map(|(_, text)| text).chain([asks, answer]);
            assert!(texts.into_iter().all(|text| !text.contains("  ")), "{requirement}");
        }
        let outbound = Requirement::ALL.iter().filter(|requirement| requirement.is_outbound());
        assert!(outbound.clone().all(|requirement| requirement.name().starts_with('O')));
        assert_eq!(outbound.count(), 14);
    }
}

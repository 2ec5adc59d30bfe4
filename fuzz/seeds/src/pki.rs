//! Certificates, revocation lists and tokens.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::Seed;

/// Fixtures by name, and seeds.
pub fn make(repository: &Path) -> (Vec<(&'static str, Vec<u8>)>, Vec<Seed>) {
    let (mut fixtures, mut seeds) = (Vec::new(), Vec::new());
    let samples = repository.join("certs-sample");
    let sample = |name: &str| fs::read(samples.join(name)).expect("a sample");

    let mut chains: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    for name in ["client-a", "client-b", "client-expired", "foreign-client", "server"] {
        chains.push((name.to_owned(), ders(&sample(&format!("{name}-chain.pem")))));
    }
    let client_a = chains[0].1.clone();
    chains.push(("client-a-without-its-issuer".into(), client_a[..1].to_vec()));
    chains.push(("client-a-in-reverse".into(), client_a.iter().rev().cloned().collect()));
    chains.push(("the-root-itself".into(), ders(&sample("thales-client-ca.pem"))));
    chains.push(("too-many".into(), vec![ders(&sample("thales-client-ca.pem"))[0].clone(); 9]));
    chains.push(("names-of-every-kind".into(), vec![odd_names()]));
    seeds.extend(chains.into_iter().map(|(name, chain)| ("client_chain", name, certificate_list(&chain))));

    for name in
        ["thales-client-ca.pem", "client-a-chain.pem", "server-chain.pem", "client-a-key.pem", "client-b-key.pem"]
    {
        seeds.push(("pem", name.to_owned(), sample(name)));
    }
    let chain = String::from_utf8(sample("client-a-chain.pem")).unwrap();
    let explained = format!("\u{feff}Subject: CN=a\r\n{}", chain.replace('\n', "\r\n"));
    seeds.push(("pem", "explained-with-crlf-and-a-mark".into(), explained.into_bytes()));
    let key = String::from_utf8(sample("client-a-key.pem")).unwrap();
    let parameters = format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{key}");
    seeds.push(("pem", "parameters-and-key".into(), parameters.into_bytes()));
    seeds.push(("pem", "encrypted-key".into(), key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY").into_bytes()));
    let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    seeds.push(("pem", "traditional-key".into(), traditional.into()));

    lists(&mut fixtures, &mut seeds);
    tokens(&mut fixtures, &mut seeds);
    (fixtures, seeds)
}

fn ders(pem: &[u8]) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(pem).unwrap();
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = blocks.map(|block| block.split("-----END").next().unwrap().split_whitespace().collect::<String>());
    bodies.map(|body| STANDARD.decode(body).unwrap()).collect()
}

/// RFC 5246 section 7.4.2.
fn certificate_list(chain: &[Vec<u8>]) -> Vec<u8> {
    let mut list = Vec::new();
    for der in chain {
        list.extend_from_slice(&u32::try_from(der.len()).unwrap().to_be_bytes()[1..]);
        list.extend_from_slice(der);
    }
    list
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2125, 12, 31);
    params
}

/// A certificate with names of every kind, and some that have to be escaped.
fn odd_names() -> Vec<u8> {
    let mut params = params("Quote \" plus + comma, \u{e4}\u{20ac} #");
    params.distinguished_name.push(DnType::OrganizationName, " blank ");
    params.distinguished_name.push(DnType::CountryName, "FR");
    let text = |text: &str| Ia5String::try_from(text).unwrap();
    params.subject_alt_names = vec![
        SanType::DnsName(text("a.example")),
        SanType::URI(text("spiffe://a.example/x")),
        SanType::Rfc822Name(text("a@a.example")),
        SanType::IpAddress("192.0.2.7".parse().unwrap()),
        SanType::IpAddress("2001:db8::7".parse().unwrap()),
    ];
    params.serial_number = Some(SerialNumber::from_slice(&[0x7f; 20]));
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn lists(fixtures: &mut Vec<(&'static str, Vec<u8>)>, seeds: &mut Vec<Seed>) {
    let mut ca = params("Fuzz CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().unwrap();
    fixtures.push(("crl-ca.pem", ca.self_signed(&key).unwrap().pem().into_bytes()));
    let issuer = Issuer::new(ca, key);
    for (file, serial) in [("crl-good-client.pem", 1), ("crl-revoked-client.pem", 2)] {
        let mut client = params(file);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        client.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        client.serial_number = Some(SerialNumber::from(serial));
        client.use_authority_key_identifier_extension = true;
        let client = client.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        fixtures.push((file, client.pem().into_bytes()));
    }
    let list = |number: u64, from: OffsetDateTime, until: OffsetDateTime, revoked: &[u64], scope: Option<CrlScope>| {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: from,
            reason_code: (serial % 2 == 0).then_some(RevocationReason::KeyCompromise),
            invalidity_date: (serial % 3 == 0).then_some(from),
        });
        let point = |scope| CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec!["http://crl.example/1.crl".into()] },
            scope: Some(scope),
        };
        CertificateRevocationListParams {
            this_update: from,
            next_update: until,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: scope.map(point),
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        }
    };
    let (from, until) = (datetime!(2029-01-01 0:00 UTC), datetime!(2099-01-01 0:00 UTC));
    let of_ca = |params: CertificateRevocationListParams| params.signed_by(&issuer).unwrap();
    let current = of_ca(list(7, from, until, &[2], None));
    fixtures.push(("crl-list.pem", current.pem().unwrap().into_bytes()));
    let mut seed = |name: &str, bytes: Vec<u8>| seeds.push(("crl", name.to_owned(), bytes));
    seed("current.der", current.der().to_vec());
    seed("current.pem", current.pem().unwrap().into_bytes());
    seed("nobody-revoked.der", of_ca(list(8, from, until, &[], None)).der().to_vec());
    seed("many-revoked.der", of_ca(list(9, from, until, &(1..40).collect::<Vec<_>>(), None)).der().to_vec());
    seed("expired.der", of_ca(list(3, datetime!(2020-01-01 0:00 UTC), from, &[2], None)).der().to_vec());
    seed("from-the-future.der", of_ca(list(10, datetime!(2090-01-01 0:00 UTC), until, &[], None)).der().to_vec());
    seed("of-end-entities.der", of_ca(list(11, from, until, &[2], Some(CrlScope::UserCertsOnly))).der().to_vec());
    let authorities = of_ca(list(12, from, until, &[], Some(CrlScope::CaCertsOnly)));
    seed("of-authorities.der", authorities.der().to_vec());
    seed(
        "two-of-a-series.pem",
        [current.pem().unwrap(), of_ca(list(8, from, until, &[], None)).pem().unwrap()].concat().into(),
    );
    seed("two-scopes.pem", [current.pem().unwrap(), authorities.pem().unwrap()].concat().into());
    let mut other = params("Fuzz other CA");
    other.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let other = Issuer::new(other, KeyPair::generate().unwrap());
    seed("of-another-ca.der", list(1, from, until, &[1], None).signed_by(&other).unwrap().der().to_vec());
    let mut impostor = params("Fuzz CA");
    impostor.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let impostor = Issuer::new(impostor, KeyPair::generate().unwrap());
    seed("of-an-impostor.der", list(1, from, until, &[1], None).signed_by(&impostor).unwrap().der().to_vec());
}

fn tokens(fixtures: &mut Vec<(&'static str, Vec<u8>)>, seeds: &mut Vec<Seed>) {
    let key = KeyPair::generate().unwrap();
    fixtures.push(("signing-key.pem", key.serialize_pem().into_bytes()));
    let key = EncodingKey::from_ec_der(&key.serialize_der());
    let jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    let id = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
    let claims = |expires: u64, audience: Value| {
        json!({
            "iss": "https://tsh-pp.bank.example", "sub": "thales", "client_id": "thales", "aud": audience,
            "environment": "preprod", "iat": 1_899_996_400_u64, "nbf": 1_899_996_400_u64, "exp": expires, "jti": "1",
            "scope": "notify query",
        })
    };
    let header = Header { kid: Some(id.clone()), ..Header::new(Algorithm::ES256) };
    let signed = |claims: &Value| jsonwebtoken::encode(&header, claims, &key).unwrap();
    let good = claims(1_900_003_600, json!("preprod"));
    let token = signed(&good);
    fixtures.push(("token.txt", token.clone().into_bytes()));
    let mut seed = |name: &str, text: String| seeds.push(("credentials", name.to_owned(), text.into_bytes()));
    seed("bearer", format!("Bearer {token}"));
    seed("bearer-expired", format!("Bearer {}", signed(&claims(1_800_000_000, json!("preprod")))));
    seed("bearer-of-another", format!("Bearer {}", signed(&claims(1_900_003_600, json!(["elsewhere"])))));
    seed("bearer-unsigned", format!("Bearer eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap()));
    seed("two-headers", format!("Bearer {token}\nAPIKEY plain-key-0123456789"));
    for (name, key) in [
        ("api-key", "plain-key-0123456789"),
        ("api-key-of-a-user", "key-of-thales-0123456789"),
        ("api-key-expired", "expired-key-0123456789"),
    ] {
        seed(name, format!("APIKEY {key}"));
    }
    for (name, text) in [
        ("basic", "anybody:plain-key-0123456789"),
        ("basic-of-a-user", "thales:key-of-thales-0123456789"),
        ("basic-whole", "user:password-0123456789"),
    ] {
        seed(name, format!("Basic {}", STANDARD.encode(text)));
    }
    seed("claims", format!("x\n\n{}\n{good}", json!({"alg": "ES256", "typ": "at+jwt", "kid": id})));
    seed(
        "claims-in-lists",
        format!(
            "x\n\n{}\n{}",
            json!({"alg": "ES256", "typ": "application/JWT", "kid": id}),
            json!({
                "iss": "https://tsh-pp.bank.example", "aud": ["other", "preprod"], "environment": "preprod", "exp": 1_900_000_001.5,
                "scp": ["query", "notify"], "azp": "thales", "appid": 7,
            })
        ),
    );
    seed(
        "claims-critical",
        format!("x\n\n{}\n{good}", json!({"alg": "ES256", "kid": id, "crit": ["b64"], "b64": false})),
    );
}

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType};

use super::*;

fn certificate(params: &CertificateParams) -> Certificate {
    let key = KeyPair::generate().unwrap();
    Certificate::parse(params.self_signed(&key).unwrap().der()).unwrap()
}

#[test]
fn names_are_read() {
    let names = ["a.example".to_owned(), "10.1.2.3".to_owned(), "::1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::OrganizationName, "not this");
    params.distinguished_name.push(DnType::CommonName, "Ann Ö");
    params.subject_alt_names.push(SanType::Rfc822Name("ann@a.example".try_into().unwrap()));
    params.subject_alt_names.push(SanType::URI("spiffe://a/b".try_into().unwrap()));
    params.not_before = rcgen::date_time_ymd(1999, 3, 1);
    params.not_after = rcgen::date_time_ymd(2400, 2, 29);
    let found = certificate(&params);
    assert_eq!(found.common_name.as_deref(), Some("Ann Ö"));
    let expected = [
        AlternativeName::Dns("a.example".to_owned()),
        AlternativeName::Ip([10, 1, 2, 3].into()),
        AlternativeName::Ip("::1".parse().unwrap()),
        AlternativeName::Email("ann@a.example".to_owned()),
        AlternativeName::Uri("spiffe://a/b".to_owned()),
    ];
    assert_eq!(found.names, expected);
    assert_eq!(found.not_before, 920_246_400);
    assert_eq!(found.not_after, 13_574_563_200);
}

fn check(names: &[&str], common_name: Option<&str>, host: &str, fits: bool) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    assert_eq!(certificate(&params).is_for(host), fits, "{names:?} {common_name:?} {host}");
}

#[test]
fn a_name_fits_as_libpq_has_it() {
    check(&["db.example"], None, "db.example", true);
    check(&["db.example"], None, "DB.EXAMPLE", true);
    check(&["db.example"], None, "db.example.", true);
    check(&["db.example"], None, "xdb.example", false);
    check(&["*.db.example"], None, "one.db.example", true);
    check(&["*.db.example"], None, "one.two.db.example", false);
    check(&["*.db.example"], None, "db.example", false);
    check(&["*.db.example"], None, ".db.example", false);
    check(&["*.example"], None, "db.example", false);
    check(&["10.0.0.1"], None, "10.0.0.1", true);
    check(&["10.0.0.1"], None, "10.0.0.2", false);
    check(&["::1"], None, "0:0::1", true);
    check(&[], Some("db"), "db", true);
    check(&[], Some("10.0.0.1"), "10.0.0.1", true);
    check(&["other"], Some("db"), "db", false);
    check(&["10.0.0.1"], Some("db"), "db", false);
    check(&[], None, "db", false);
    check(&[], Some(""), "", false);
}

#[test]
fn the_hash_goes_with_the_signature() {
    let params = CertificateParams::new(Vec::new()).unwrap();
    let length = |algorithm| {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = params.self_signed(&key).unwrap();
        Certificate::parse(der.der()).unwrap().end_point().map(|hash| hash.len())
    };
    assert_eq!(length(&rcgen::PKCS_ECDSA_P256_SHA256), Some(32));
    assert_eq!(length(&PKCS_ECDSA_P384_SHA384), Some(48));
    assert_eq!(length(&rcgen::PKCS_ECDSA_P521_SHA512), Some(64));
    assert_eq!(length(&PKCS_ED25519), None);
}

fn kind(der: &[u8]) -> Option<Hash> {
    hash_of(Der::new(der))
}

#[test]
fn weak_hashes_are_replaced() {
    // sha1WithRSAEncryption, md5WithRSAEncryption, ecdsa-with-SHA1.
    let rsa = |last| [&[tag::OID, 9], oid::RSA, &[last, 5, 0]].concat();
    assert_eq!(kind(&rsa(5)), Some(Hash::Sha256));
    assert_eq!(kind(&rsa(4)), Some(Hash::Sha256));
    assert_eq!(kind(&rsa(11)), Some(Hash::Sha256));
    assert_eq!(kind(&rsa(12)), Some(Hash::Sha384));
    assert_eq!(kind(&rsa(13)), Some(Hash::Sha512));
    assert_eq!(kind(&rsa(14)), Some(Hash::Sha224));
    assert_eq!(kind(&[&[tag::OID, 7], oid::ECDSA_SHA1].concat()), Some(Hash::Sha256));
    // RSASSA-PSS with SHA-512, and with no hash named.
    let sha512 = [&[tag::SEQUENCE, 11, tag::OID, 9], oid::SHA2, &[3]].concat();
    let named = [&[tag::SEQUENCE, 15, 0xa0, 13], sha512.as_slice()].concat();
    let pss = [&[tag::OID, 9], oid::RSA, &[10], named.as_slice()].concat();
    assert_eq!(kind(&pss), Some(Hash::Sha512));
    let pss = [&[tag::OID, 9], oid::RSA, &[10, tag::SEQUENCE, 0]].concat();
    assert_eq!(kind(&pss), Some(Hash::Sha256));
}

#[test]
fn damaged_certificates_never_panic() {
    let names = ["a.example".to_owned(), "10.1.2.3".to_owned()];
    let params = CertificateParams::new(names).unwrap();
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    for length in 0..der.len() {
        assert_eq!(Certificate::parse(&der[..length]), None);
    }
    for at in 0..der.len() {
        for change in [1, 0x7f, 0x80, 0xff] {
            let mut damaged = der.clone();
            damaged[at] ^= change;
            let _ = Certificate::parse(&damaged).map(|it| (it.is_for("a.example"), it.end_point()));
        }
    }
}

#[test]
fn a_zero_byte_in_a_name_hides_nothing() {
    assert_eq!(text(b"db.example\0.evil.example"), None);
}

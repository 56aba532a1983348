//! Rules by where a client comes from.

use afterwrite_frontend::{Auth, Hba, IdentMaps, Rules};

use crate::client::{Login, log_in, right};
use crate::door;

#[tokio::test]
async fn the_first_fitting_rule_decides() {
    let hba = "\
        host all banned all reject\n\
        host afterwrite all 127.0.0.1/32 trust\n\
        host shop plain 127.0.0.0/8 password\n\
        host shop md5,scram 127.0.0.1 255.255.255.255 md5\n\
        hostssl shop none all trust\n\
        host shop nobody all scram-sha-256\n";
    let none = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    let hba = Hba::parse(hba, IdentMaps::default(), &none).unwrap();
    let door = door::with_rules(Rules { hba, ..door::rules(Auth::Hba, door::users()) });
    let check = async |user: &str, expected: &str| {
        assert_eq!(right(&door, user).await, expected);
    };
    check("plain", "password: plain@shop with a password").await;
    check("md5", "md5: md5@shop with an MD5 hash").await;
    check("scram", "scram: scram@shop with SCRAM keys").await;
    check("nobody", "scram: 28P01 password authentication failed for user \"nobody\"").await;
    let whom =
        |user| format!("host \"127.0.0.1\", user \"{user}\", database \"shop\", no encryption");
    check("none", &format!("28000 no HBA rule lets in {}", whom("none"))).await;
    check("banned", &format!("28000 an HBA rule rejects {}", whom("banned"))).await;
    let admin = Login { database: "afterwrite", ..Login::new("plain", "") };
    assert_eq!(log_in(&door, admin).await, "plain@afterwrite with a password");
    door.logged("(line 1)").await;
}

//! Each way in which a file comes to have other contents, twice where a watch could be deaf after the first time.

use super::*;

#[test]
fn a_kubernetes_swap_is_noticed_again_and_again() {
    let mut post = Post::new(&["mount/tls.crt"], |root| _ = Volume::new(root.join("mount")));
    for version in ["1", "2", "3"] {
        post.notices(|post| Volume { mount: post.at("mount") }.swap(version));
    }
}

#[test]
fn a_kubernetes_swap_is_noticed_through_a_link_from_elsewhere() {
    let mut post = Post::new(&["etc/tls/tls.crt"], |root| {
        Volume::new(root.join("run/mount"));
        fs::create_dir(root.join("etc")).unwrap();
        symlink("../run/mount", root.join("etc/tls")).unwrap();
    });
    for version in ["1", "2"] {
        post.notices(|post| Volume { mount: post.at("run/mount") }.swap(version));
    }
}

#[test]
fn a_file_that_is_moved_over_the_old_one_is_noticed() {
    let mut post = Post::new(&["tls.crt"], |root| fs::write(root.join("tls.crt"), "0").unwrap());
    for _ in 0..3 {
        post.notices(|post| {
            fs::write(post.at("new"), "new").unwrap();
            fs::rename(post.at("new"), post.at("tls.crt")).unwrap();
        });
    }
}

#[test]
fn a_write_in_place_is_noticed() {
    let mut post = Post::new(&["tls.crt"], |root| fs::write(root.join("tls.crt"), "0").unwrap());
    for _ in 0..2 {
        post.notices(|post| fs::write(post.at("tls.crt"), "in place").unwrap());
    }
}

#[test]
fn a_write_through_a_hard_link_in_another_directory_is_noticed() {
    let mut post = Post::new(&["tls/tls.crt"], |root| {
        fs::create_dir(root.join("tls")).unwrap();
        fs::create_dir(root.join("other")).unwrap();
        fs::write(root.join("other/linked"), "0").unwrap();
        fs::hard_link(root.join("other/linked"), root.join("tls/tls.crt")).unwrap();
    });
    post.notices(|post| fs::write(post.at("other/linked"), "1").unwrap());
    // Another file takes the name; it is that one's links that count from now on.
    post.notices(|post| {
        fs::write(post.at("other/second"), "2").unwrap();
        fs::hard_link(post.at("other/second"), post.at("other/moved")).unwrap();
        fs::rename(post.at("other/moved"), post.at("tls/tls.crt")).unwrap();
    });
    post.notices(|post| fs::write(post.at("other/second"), "3").unwrap());
    assert_eq!(post.changes_of(|post| fs::write(post.at("other/linked"), "nobody's").unwrap()), 0);
}

#[test]
fn a_file_that_is_deleted_and_made_again_is_noticed() {
    let mut post = Post::new(&["tls.crt"], |root| fs::write(root.join("tls.crt"), "0").unwrap());
    post.notices(|post| fs::remove_file(post.at("tls.crt")).unwrap());
    post.notices(|post| fs::write(post.at("tls.crt"), "1").unwrap());
    post.notices(|post| {
        fs::remove_file(post.at("tls.crt")).unwrap();
        fs::write(post.at("tls.crt"), "2").unwrap();
    });
    post.notices(|post| fs::write(post.at("tls.crt"), "3").unwrap());
}

#[test]
fn a_directory_that_is_deleted_and_made_again_is_noticed() {
    let fill = |directory: &Path, content: &str| {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("tls.crt"), content).unwrap();
    };
    let mut post = Post::new(&["tls/tls.crt"], |root| fill(&root.join("tls"), "0"));
    for _ in 0..2 {
        post.notices(|post| fs::remove_dir_all(post.at("tls")).unwrap());
        post.notices(|post| fill(&post.at("tls"), "again"));
        post.notices(|post| {
            fs::remove_dir_all(post.at("tls")).unwrap();
            fill(&post.at("tls"), "at once");
        });
        post.notices(|post| fs::write(post.at("tls/tls.crt"), "in place").unwrap());
    }
}

#[test]
fn a_directory_that_is_exchanged_for_another_is_noticed() {
    let mut post = Post::new(&["tls/tls.crt"], |root| {
        fs::create_dir(root.join("tls")).unwrap();
        fs::write(root.join("tls/tls.crt"), "0").unwrap();
    });
    post.notices(|post| {
        fs::create_dir(post.at("new")).unwrap();
        fs::write(post.at("new/tls.crt"), "1").unwrap();
        fs::rename(post.at("tls"), post.at("old")).unwrap();
        fs::rename(post.at("new"), post.at("tls")).unwrap();
    });
    post.notices(|post| fs::write(post.at("tls/tls.crt"), "2").unwrap());
    assert_eq!(post.changes_of(|post| fs::write(post.at("old/tls.crt"), "nobody's").unwrap()), 0);
}

#[test]
fn a_link_that_is_turned_elsewhere_is_noticed_and_so_are_changes_there() {
    let mut post = Post::new(&["current/tls.crt"], |root| {
        for version in ["v1", "v2"] {
            fs::create_dir_all(root.join("releases").join(version)).unwrap();
            fs::write(root.join("releases").join(version).join("tls.crt"), version).unwrap();
        }
        symlink("releases/v1", root.join("current")).unwrap();
    });
    post.notices(|post| fs::write(post.at("releases/v1/tls.crt"), "v1, again").unwrap());
    post.notices(|post| {
        fs::remove_file(post.at("current")).unwrap();
        symlink(post.at("releases/v2"), post.at("current")).unwrap();
    });
    post.notices(|post| fs::write(post.at("releases/v2/tls.crt"), "v2, again").unwrap());
    assert_eq!(post.changes_of(|post| fs::write(post.at("releases/v1/tls.crt"), "nobody's").unwrap()), 0);
}

#[test]
fn a_file_that_is_missing_at_first_is_noticed_when_it_comes() {
    let mut post = Post::new(&["tls.crt"], |_| {});
    post.notices(|post| fs::write(post.at("tls.crt"), "1").unwrap());
    post.notices(|post| fs::write(post.at("tls.crt"), "2").unwrap());
}

#[test]
fn directories_that_are_missing_at_first_are_noticed_when_they_come() {
    let mut post = Post::new(&["a/b/tls.crt"], |_| {});
    post.notices(|post| fs::create_dir(post.at("a")).unwrap());
    post.notices(|post| fs::create_dir(post.at("a/b")).unwrap());
    post.notices(|post| fs::write(post.at("a/b/tls.crt"), "1").unwrap());
    post.notices(|post| fs::write(post.at("a/b/tls.crt"), "2").unwrap());
}

#[test]
fn a_link_to_nothing_is_noticed_when_something_is_there() {
    let mut post = Post::new(&["tls.crt"], |root| {
        fs::create_dir(root.join("elsewhere")).unwrap();
        symlink("elsewhere/real", root.join("tls.crt")).unwrap();
    });
    post.notices(|post| fs::write(post.at("elsewhere/real"), "1").unwrap());
    post.notices(|post| fs::write(post.at("elsewhere/real"), "2").unwrap());
}

#[test]
fn a_replaced_directory_further_up_is_seen_when_the_watch_is_renewed() {
    let mut post = Post::new(&["srv/app/tls/tls.crt"], |root| {
        for version in ["srv/app/tls", "srv/new/tls"] {
            fs::create_dir_all(root.join(version)).unwrap();
            fs::write(root.join(version).join("tls.crt"), version).unwrap();
        }
    });
    assert!(!post.sentry.arm().changed);
    fs::rename(post.at("srv/app"), post.at("srv/old")).unwrap();
    fs::rename(post.at("srv/new"), post.at("srv/app")).unwrap();
    assert!(post.sentry.arm().changed);
    post.notices(|post| fs::write(post.at("srv/app/tls/tls.crt"), "1").unwrap());
}

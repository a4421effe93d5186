//! What a library exports.

/// Exports the plugins of a library: for each its kind, its type, the name it goes by where that is not the type's, and
/// the folder (relative to the crate's) that holds its `widget.json`, its `schema.json` and its `README.md`.
///
/// ```ignore
/// campanile_sdk::export_plugin!(transform TooFast);
///
/// campanile_sdk::export_plugin! {
///     source FileSource as "File" in "source",
///     sink FileSink as "File" in "sink",
/// }
/// ```
///
/// With a folder, the macro adds a test that holds `schema.json` against the type's properties
/// (`CAMPANILE_WRITE=1 cargo test` writes it); such a type derives `schemars::JsonSchema`.
///
/// A library contains one `export_plugin!`, in its `lib.rs`, with every plugin in it; its `Cargo.toml` says
/// `crate-type = ["cdylib"]`.
#[macro_export]
macro_rules! export_plugin {
    ($($kind:ident $type:ident $(as $name:literal)? $(in $folder:literal)?),+ $(,)?) => {
        #[cfg(panic = "abort")]
        compile_error!(
            "a plugin is built with panic = \"unwind\": a panic then becomes an error of its stage instead of the end of \
             the process; remove `panic = \"abort\"` from the profile"
        );

        #[doc(hidden)]
        struct CampanileLibrary;

        impl $crate::__private::Library for CampanileLibrary {
            extern "C" fn interface(id: u32, min_revision: u32) -> *const $crate::__private::Opaque {
                const COUNT: u32 = [$(stringify!($type)),+].len() as u32;
                const TABLE: &$crate::__private::LibraryV1 = &$crate::__private::LibraryV1 {
                    size: ::core::mem::size_of::<$crate::__private::LibraryV1>(),
                    count: COUNT,
                    interface: plugin_interface,
                };
                extern "C" fn plugin_interface(
                    index: u32,
                    id: u32,
                    min_revision: u32,
                ) -> *const $crate::__private::Opaque {
                    const INTERFACES: &[fn(u32, u32) -> *const $crate::__private::Opaque] = &[
                        $(<$crate::__stage!($kind $type) as $crate::__private::Exported>::interface),+
                    ];
                    match INTERFACES.get(index as usize) {
                        ::core::option::Option::Some(interface) => interface(id, min_revision),
                        ::core::option::Option::None => ::core::ptr::null(),
                    }
                }
                $crate::__private::library_interface(TABLE, id, min_revision)
            }
        }

        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub static campanile_root_v1: $crate::__private::Header = $crate::__private::header::<CampanileLibrary>();

        #[doc(hidden)]
        #[used]
        #[unsafe(no_mangle)]
        #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".campanile"))]
        #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__campanile"))]
        pub static CAMPANILE_MANIFEST_V1: [u8; {
            $crate::__private::manifest::size(CAMPANILE_SECTIONS)
        }] = $crate::__private::manifest::build(CAMPANILE_SECTIONS);

        const CAMPANILE_SECTIONS: &[&[u8]] = &[
            ::core::concat!(
                "{\"library\":\"", ::core::env!("CARGO_PKG_NAME"),
                "\",\"version\":\"", ::core::env!("CARGO_PKG_VERSION"),
                "\",\"plugins\":[", $crate::__plugins!($($kind $type $(as $name)?),+), "]}"
            ).as_bytes(),
            $crate::__private::BUILD,
            $($crate::__resource!("widget.json" $($folder)?),
            $crate::__resource!("schema.json" $($folder)?),
            $crate::__resource!("README.md" $($folder)?)),+
        ];

        #[cfg(test)]
        #[test]
        fn schema_files_are_those_of_the_properties() {
            $($crate::__check_schema!($type $($folder)?);)+
        }
    };
    ($($other:tt)*) => {
        compile_error!(
            "write `export_plugin!(transform MyType)`, or several plugins with commas between: `kind Type as \"Name\" in \
             \"folder\"`, where the kind is source, transform, splitter, errortransform, sink or alertpublisher"
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __stage {
    (source $type:ident) => { $crate::__private::SourceStage<$type> };
    (transform $type:ident) => { $crate::__private::TransformStage<$type> };
    (splitter $type:ident) => { $crate::__private::SplitterStage<$type> };
    (errortransform $type:ident) => { $crate::__private::ErrorTransformStage<$type> };
    (sink $type:ident) => { $crate::__private::SinkStage<$type> };
    (alertpublisher $type:ident) => { $crate::__private::AlertPublisherStage<$type> };
    ($kind:ident $type:ident) => {
        compile_error!(concat!(
            "`", stringify!($kind), "` is no kind of plugin: write source, transform, splitter, errortransform, sink or \
             alertpublisher"
        ))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __plugins {
    ($kind:ident $type:ident as $name:literal) => {
        concat!("{\"kind\":\"", stringify!($kind), "\",\"name\":\"", $name, "\"}")
    };
    ($kind:ident $type:ident) => {
        concat!("{\"kind\":\"", stringify!($kind), "\",\"name\":\"", stringify!($type), "\"}")
    };
    ($kind:ident $type:ident $(as $name:literal)?, $($rest:tt)+) => {
        concat!($crate::__plugins!($kind $type $(as $name)?), ",", $crate::__plugins!($($rest)+))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __resource {
    ($file:literal $folder:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder, "/", $file))
    };
    ($file:literal) => {
        b""
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __check_schema {
    ($type:ident $folder:literal) => {
        $crate::testing::check_schema_file::<$type>(concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder));
    };
    ($type:ident) => {};
}
